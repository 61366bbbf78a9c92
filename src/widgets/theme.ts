/** What a canvas needs to know of the theme, which styles elements only. */

import * as React from 'react';

export interface IInk {
  readonly text: string;
  readonly faint: string;
  readonly grid: string;
  readonly ground: string;
  readonly brand: string;
  readonly success: string;
  readonly error: string;
  readonly dark: boolean;
  readonly font: string;
}

function inkOf(): IInk {
  const style = getComputedStyle(document.body);
  const colour = (name: string): string => style.getPropertyValue(name).trim();
  return {
    text: colour('--jp-ui-font-color1'),
    faint: colour('--jp-ui-font-color2'),
    grid: colour('--jp-border-color2'),
    ground: colour('--jp-layout-color1'),
    brand: colour('--jp-brand-color1'),
    success: colour('--jp-success-color1'),
    error: colour('--jp-error-color1'),
    dark: document.body.dataset.jpThemeLight === 'false',
    font: `12px ${colour('--jp-ui-font-family') || 'sans-serif'}`
  };
}

/** The colours of the theme; another theme renders again. */
export function useInk(): IInk {
  const [ink, setInk] = React.useState(inkOf);
  React.useEffect(() => {
    const look = (): void => {
      setInk(last => {
        const next = inkOf();
        return JSON.stringify(next) === JSON.stringify(last) ? last : next;
      });
    };
    const themes = new MutationObserver(look);
    themes.observe(document.body, { attributeFilter: ['data-jp-theme-name', 'data-jp-theme-light'] });
    look();
    return () => {
      themes.disconnect();
    };
  }, []);
  return ink;
}

/** Degrees between the hues of neighbours: the golden angle, so that any number of them differs. */
const TURN = 137.508;

/** The colour of the n-th of many things, as bright as the theme allows to be read. */
export function hueOf(place: number, ink: IInk): string {
  const light = ink.dark ? [0.78, 0.68] : [0.52, 0.62];
  return `oklch(${light[place % 2]} ${ink.dark ? 0.13 : 0.16} ${(250 + place * TURN) % 360})`;
}

/** The colour of a share from 0 to 1: from weak to strong. */
export function rampOf(share: number, ink: IInk): string {
  const [from, to] = ink.dark ? [0.5, 0.88] : [0.78, 0.38];
  return `oklch(${from + (to - from) * share} ${0.1 + 0.07 * share} ${260 - 170 * share})`;
}
