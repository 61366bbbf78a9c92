import tseslint from 'typescript-eslint';

export default tseslint.config(
  { ignores: ['lib/', 'labextension/build/', 'node_modules/'] },
  ...tseslint.configs.strict,
  {
    files: ['src/**/*.{ts,tsx}'],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: { attributes: false } }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-extraneous-class': 'off',
      'no-console': ['error', { allow: ['warn', 'error'] }],
      eqeqeq: 'error',
      curly: 'error'
    }
  },
  // Layers: types <- api <- model <- panels <- index; widgets know no api.
  {
    files: ['src/widgets/**'],
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [{ group: ['../api', '../model', '../panels/*', '../commands'], message: 'Widgets know no api.' }] }
      ]
    }
  },
  {
    files: ['src/api.ts', 'src/http.ts', 'src/api/**'],
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [{ group: ['**/model', '**/panels/*', '**/widgets/*', '**/commands'], message: 'api knows types only.' }] }
      ]
    }
  },
  {
    files: ['src/panels/**'],
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [{ group: ['**/../index', '../commands', '../commands/*', '../../commands/*', '../notebook', '../notify', '../status', '../../notebook', '../../notify', '../../status'], message: 'Panels do not know who shows them.' }] }
      ]
    }
  },
  {
    files: ['src/model.ts', 'src/resource.ts', 'src/connection.ts', 'src/contact.ts', 'src/watching.ts', 'src/followed/**', 'src/ledger.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [{ group: ['**/panels/*', '**/widgets/*', '**/commands', '**/commands/*'], message: 'model knows api and types only.' }] }
      ]
    }
  }
);
