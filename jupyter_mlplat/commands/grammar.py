"""The grammar that the shell and the notebook share: a noun, a verb, and what may follow them.

A door hands over the words that the user wrote and gets back either a help text or a command with its
arguments. Nothing heavy is imported here, so that `--help` and a usage error answer at once.
"""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from ..errors import Invalid, MLPlatError
from .blocks import Block

if TYPE_CHECKING:
    from ..models import Job
    from ..platform import Platform

PROGRAM = "jupyter mlplat"


class Reporter(Protocol):
    """Where a command says how it is getting on; never where its result goes."""

    def note(self, text: str) -> None:
        """One line for the user."""
        ...

    def log(self, text: str) -> None:
        """A piece of a log, as it is."""
        ...

    def job(self, job: Job) -> None:
        """The job changed."""
        ...

    def confirm(self, question: str) -> bool:
        """Ask before something is destroyed; True where nobody can be asked."""
        ...


@dataclass(frozen=True)
class Call:
    """One command being carried out."""

    platform: Platform
    args: argparse.Namespace
    report: Reporter
    asker: int
    """The process that what is asked for is for: the shell's own parent, or the kernel."""


@dataclass(frozen=True)
class Argument:
    """What `argparse.ArgumentParser.add_argument` takes."""

    flags: tuple[str, ...]
    options: Mapping[str, Any] = field(default_factory=dict)


def argument(*flags: str, **options: Any) -> Argument:
    """One positional argument or option of a command."""
    return Argument(flags, options)


def no_outcome(value: Any, args: argparse.Namespace) -> int:
    """The exit status of a command that can only succeed or raise."""
    return 0


@dataclass(frozen=True)
class Command:
    """A noun and a verb: what they take, what they do, how the result looks, and the exit status it means."""

    noun: str
    verb: str
    summary: str
    run: Callable[[Call], Any]
    show: Callable[[Any], list[Block]]
    arguments: tuple[Argument, ...] = ()
    outcome: Callable[[Any, argparse.Namespace], int] = no_outcome
    example: str = ""
    one_of: tuple[Argument, ...] = ()
    """Options of which exactly one must be given."""

    @property
    def words(self) -> str:
        return f"{self.noun} {self.verb}".strip()


class Stopped(MLPlatError):
    """The user interrupted a command that only waited: what it waited for goes on."""

    exit_code = 130
    reason = "interrupted"


@dataclass(frozen=True)
class Absent:
    """Words of the public contract that this version does not have yet."""

    nouns: frozenset[str]
    verbs: Mapping[str, frozenset[str]]


class _Parser(argparse.ArgumentParser):
    """argparse that raises `Invalid` instead of printing a usage text and leaving."""

    def error(self, message: str) -> NoReturn:
        fields = {}
        if message.startswith("argument "):
            names, _, what = message.removeprefix("argument ").partition(": ")
            name = names.split("/")[-1].lstrip("-").lower()
            fields = {name: what}
            message = f"{names.split('/')[-1]}: {what}"
        raise Invalid(message, hint=f"see {self.prog} --help", fields=fields)


class Grammar:
    """All commands, and what is told about the words that are not here."""

    def __init__(self, commands: Sequence[Command], absent: Absent) -> None:
        self.commands = {(command.noun, command.verb): command for command in commands}
        self.absent = absent

    @property
    def nouns(self) -> list[str]:
        return list(dict.fromkeys(noun for noun, _ in self.commands if noun))

    def verbs(self, noun: str) -> list[str]:
        """The verbs of a noun; of no noun, the commands that stand alone."""
        return [verb for of, verb in self.commands if of == noun]

    def parse(self, words: Sequence[str]) -> str | tuple[Command, argparse.Namespace]:
        """Read what the user wrote: a help text, or a command with its arguments. Raises `Invalid`."""
        rest = list(words)
        leading = []
        while rest and rest[0].startswith("-"):
            word = rest.pop(0)
            if word in ("-h", "--help"):
                return self.overview()
            if word == "--version":
                from .. import __version__

                return f"{__version__}\n"
            if word not in ("--json", "--yes"):
                raise Invalid(f"there is no option {word} before a noun", hint=f"see {PROGRAM} --help")
            leading.append(word)
        if not rest or rest[0] == "help":
            return self.overview()
        first = rest.pop(0)
        if ("", first) in self.commands:
            return self.parse_command(self.commands["", first], [*leading, *rest])
        if first in self.absent.nouns:
            raise self._not_here(first)
        if first not in self.nouns:
            raise Invalid(
                f"there is no command {first!r}",
                hint=_closest(first, [*self.nouns, *self.verbs("")], f"{PROGRAM} --help"),
            )
        verbs = self.verbs(first)
        if rest and rest[0] in ("-h", "--help", "help"):
            return self.noun_help(first)
        if not rest or rest[0].startswith("-"):
            raise Invalid(f"{first} needs a verb", hint=f"one of {', '.join(verbs)}")
        verb = rest.pop(0)
        if verb in self.absent.verbs.get(first, ()):
            raise self._not_here(f"{first} {verb}")
        if verb not in verbs:
            raise Invalid(f"{first} has no verb {verb!r}", hint=_closest(verb, verbs, f"{PROGRAM} {first} --help"))
        return self.parse_command(self.commands[first, verb], [*leading, *rest])

    def parse_command(
        self, command: Command, words: list[str], *, program: str = PROGRAM
    ) -> str | tuple[Command, argparse.Namespace]:
        """Read the words after the verb. Raises `Invalid`."""
        parser = make_parser(command, program)
        options = words[: words.index("--")] if "--" in words else words
        if "-h" in options or "--help" in options:
            return parser.format_help()
        args, unknown = parser.parse_known_args(words)
        if unknown:
            word = unknown[0]
            if word.startswith("-") and word != "-":
                known = [
                    flag for one in (*command.arguments, *command.one_of) for flag in one.flags if flag.startswith("--")
                ]
                raise Invalid(
                    f"{command.words} has no option {word.partition('=')[0]}",
                    hint=_closest(word.partition("=")[0], [*known, "--json"], f"{parser.prog} --help"),
                )
            raise Invalid(f"{command.words} does not take {word!r}", hint=f"see {parser.prog} --help")
        return command, args

    def _not_here(self, what: str) -> Invalid:
        from .. import __version__

        return Invalid(
            f"{what} is not in this version of jupyter_mlplat ({__version__})", hint=f"what is here: {PROGRAM} --help"
        )

    def overview(self) -> str:
        """The help text of all nouns."""
        lines = [f"usage: {PROGRAM} <noun> <verb> [options]", ""]
        wide = max(len(command.words) for command in self.commands.values()) + 2
        noun = ""
        for command in self.commands.values():
            if command.noun != noun:
                lines.append("")
                noun = command.noun
            lines.append(f"  {command.words:<{wide}}{command.summary}")
        lines += ["", "Every command takes --json (one JSON document on stdout) and --help."]
        return "\n".join(lines) + "\n"

    def noun_help(self, noun: str) -> str:
        """The help text of one noun."""
        lines = [f"usage: {PROGRAM} {noun} <verb> [options]", ""]
        verbs = self.verbs(noun)
        wide = max(map(len, verbs)) + 2
        lines += [f"  {verb:<{wide}}{self.commands[noun, verb].summary}" for verb in verbs]
        return "\n".join(lines) + f"\n\nMore about one: {PROGRAM} {noun} <verb> --help\n"


def make_parser(command: Command, program: str = PROGRAM) -> argparse.ArgumentParser:
    """The parser of one command."""
    parser = _Parser(
        prog=f"{program} {command.words}",
        description=command.summary[:1].upper() + command.summary[1:] + ".",
        epilog=f"example: {command.example}" if command.example else None,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
        allow_abbrev=False,
    )
    for one in command.arguments:
        parser.add_argument(*one.flags, **one.options)
    if command.one_of:
        group = parser.add_mutually_exclusive_group(required=True)
        for one in command.one_of:
            group.add_argument(*one.flags, **one.options)
    parser.add_argument("--json", action="store_true", help="print one JSON document on stdout, nothing else there")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("-h", "--help", action="store_true", help="show this and leave")
    return parser


def _closest(word: str, known: Sequence[str], help_command: str) -> str:
    near = difflib.get_close_matches(word, known, n=1)
    return f"did you mean {near[0]}?" if near else f"see {help_command}"
