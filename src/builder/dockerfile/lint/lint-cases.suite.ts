import type { LintRule } from './lint-rules.ts'

export type LintCase = {
  readonly text: string
  readonly ignoreFile?: string
  readonly lints: readonly (readonly [rule: LintRule, line: number, detail: string])[]
  /** Its first line. */
  readonly error?: string
  /** Why Docker 28.5 prints something else. */
  readonly differs?: string
}

/** Dockerfiles and what `docker build --check` says of them: asked of BuildKit (test/compat/dockerfile-check.test.ts). */
export const LINT_CASES: readonly LintCase[] = [
  { text: 'FROM scratch\nRUN true\n', lints: [] },
  {
    text: 'FROM scratch AS Foo\nFROM scratch as b\nfrom scratch as c\nFrom scratch As d\n',
    lints: [
      ['StageNameCasing', 1, "Stage name 'Foo' should be lowercase"],
      ['FromAsCasing', 2, "'as' and 'FROM' keywords' casing do not match"],
      ['ConsistentInstructionCasing', 3, "Command 'from' should match the case of the command majority (uppercase)"],
      ['ConsistentInstructionCasing', 4, "Command 'From' should match the case of the command majority (uppercase)"],
    ],
  },
  {
    text: 'from scratch\nenv a=b\nLABEL a=b\n',
    lints: [
      ['ConsistentInstructionCasing', 3, "Command 'LABEL' should match the case of the command majority (lowercase)"],
    ],
  },
  {
    text: 'FROM scratch\nRUN a \\\n\n b \\\n\n',
    lints: [['NoEmptyContinuation', 5, 'Empty continuation line']],
  },
  {
    text: 'FROM scratch AS x\nFROM scratch AS context\nFROM scratch AS x\n',
    lints: [
      ['ReservedStageName', 2, 'Stage name should not use the same name as reserved stage "context"'],
      ['DuplicateStageName', 3, 'Duplicate stage name "x", stage names should be unique'],
    ],
  },
  {
    text: 'FROM scratch\nCMD a\nENTRYPOINT b\nFROM scratch\nSHELL ["/x"]\nCMD a\nENTRYPOINT ["b"]\n',
    lints: [
      [
        'JSONArgsRecommended',
        2,
        'JSON arguments recommended for CMD to prevent unintended behavior related to OS signals',
      ],
      [
        'JSONArgsRecommended',
        3,
        'JSON arguments recommended for ENTRYPOINT to prevent unintended behavior related to OS signals',
      ],
    ],
  },
  {
    text: 'FROM scratch\nMAINTAINER me\n',
    lints: [['MaintainerDeprecated', 2, 'Maintainer instruction is deprecated in favor of using label']],
  },
  {
    text: 'ARG VERSION\nFROM scratch:$VERSIO AS a\n',
    lints: [
      [
        'InvalidDefaultArgInFrom',
        2,
        'Default value for ARG scratch:$VERSIO results in empty or invalid base image name',
      ],
      ['UndefinedArgInFrom', 2, "FROM argument 'VERSIO' is not declared (did you mean VERSION?)"],
    ],
    error: 'failed to parse stage name "scratch:": invalid reference format',
  },
  {
    text: 'ARG V\nFROM $V\n',
    lints: [['InvalidDefaultArgInFrom', 2, 'Default value for ARG $V results in empty or invalid base image name']],
    error: 'base name ($V) should not be blank',
  },
  {
    text: 'FROM scratch AS a\nWORKDIR x\nWORKDIR y\nFROM a\nWORKDIR z\nFROM scratch\nWORKDIR /z\nWORKDIR a\n',
    lints: [['WorkdirRelativePath', 2, 'Relative workdir "x" can have unexpected results if the base image changes']],
  },
  {
    text: 'FROM scratch AS a\nARG A\nARG B=1 C=$D\nENV E=$A$B$C F=${G:-x}\nLABEL l=$E$F$PTH\nFROM a\nLABEL l=$B$A$E$X\n',
    lints: [
      ['UndefinedVar', 3, "Usage of undefined variable '$D' (did you mean $B?)"],
      ['UndefinedVar', 4, "Usage of undefined variable '$G' (did you mean $B?)"],
      ['UndefinedVar', 5, "Usage of undefined variable '$PTH' (did you mean $PATH?)"],
      ['UndefinedVar', 7, "Usage of undefined variable '$X' (did you mean $B?)"],
    ],
  },
  {
    text: 'FROM scratch\nRUN echo $longname\nCMD ["$longname"]\nWORKDIR /$longname\nUSER u$longname\nVOLUME /$longname\nSTOPSIGNAL ${longname}9\nEXPOSE 80$longname\nONBUILD RUN $longname\nHEALTHCHECK CMD $longname\n',
    lints: [4, 5, 6, 7].map(line => ['UndefinedVar', line, "Usage of undefined variable '$longname'"] as const),
  },
  {
    text: 'FROM scratch\nCMD ["a"]\nCMD ["b"]\nENTRYPOINT ["a"]\nENTRYPOINT []\nHEALTHCHECK NONE\nHEALTHCHECK CMD ["a"]\nFROM scratch\nCMD ["a"]\n',
    lints: (
      [
        [2, 'CMD'],
        [4, 'ENTRYPOINT'],
        [6, 'HEALTHCHECK'],
      ] as const
    ).map(
      ([line, name]) =>
        [
          'MultipleInstructionsDisallowed',
          line,
          `Multiple ${name} instructions should not be used in the same stage because only the last one will be used`,
        ] as const,
    ),
  },
  {
    text: 'FROM scratch\nENV a b c\nLABEL d e\n',
    lints: [
      ['LegacyKeyValueFormat', 2, '"ENV key=value" should be used instead of legacy "ENV key value" format'],
      ['LegacyKeyValueFormat', 3, '"LABEL key=value" should be used instead of legacy "LABEL key value" format'],
    ],
  },
  {
    text: 'FROM --platform=$TARGETPLATFORM scratch AS a\nFROM --platform=linux/amd64 scratch AS b\nFROM --platform=linux/arm64 scratch AS b-arm64\nFROM --platform=$BUILDPLATFORM scratch AS c\n',
    lints: [
      [
        'RedundantTargetPlatform',
        1,
        'Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior',
      ],
      ['FromPlatformFlagConstDisallowed', 2, 'FROM --platform flag should not use constant value "linux/amd64"'],
    ],
  },
  {
    text: 'FROM --platform=$X scratch\n',
    lints: [['UndefinedArgInFrom', 1, "FROM argument 'X' is not declared"]],
    error: 'empty platform value from expression $X',
  },
  {
    differs: 'newer BuildKits let names of files and versions pass',
    text: 'ARG ROOT_PASSWORD\nFROM scratch\nARG TOKEN api_key=1 KEYS\nENV GITHUB_TOKEN=a TOKEN_FILE=b PUBLIC_KEY=c MONKEY=d\n',
    lints: [
      ['SecretsUsedInArgOrEnv', 3, 'Do not use ARG or ENV instructions for sensitive data (ARG "TOKEN")'],
      ['SecretsUsedInArgOrEnv', 3, 'Do not use ARG or ENV instructions for sensitive data (ARG "api_key")'],
      ['SecretsUsedInArgOrEnv', 4, 'Do not use ARG or ENV instructions for sensitive data (ENV "GITHUB_TOKEN")'],
    ],
  },
  {
    text: '# check=experimental=CopyIgnoredFile\nFROM scratch AS s\nFROM scratch\nCOPY a.md b/c d /\nADD x.md http://h/x.md /\nCOPY --from=s x.md /\nCOPY . /\n',
    ignoreFile: '# comment\n*.md\nb\n',
    lints: [
      ['CopyIgnoredFile', 4, 'Attempting to Copy file "a.md" that is excluded by .dockerignore'],
      ['CopyIgnoredFile', 4, 'Attempting to Copy file "b/c" that is excluded by .dockerignore'],
      ['CopyIgnoredFile', 5, 'Attempting to Add file "x.md" that is excluded by .dockerignore'],
    ],
  },
  { text: 'FROM scratch\nCOPY a.md /\n', ignoreFile: '*\n!a.md\n', lints: [] },
  {
    differs: 'the rule was experimental in older BuildKits',
    text: 'FROM scratch\nCOPY . /\n',
    ignoreFile: '**\n',
    lints: [['CopyIgnoredFile', 2, 'Attempting to Copy file "." that is excluded by .dockerignore']],
  },
  {
    text: '# check=experimental=all\n# foo\nFROM scratch AS bar\n# c\nARG c\n#\n# d e\nARG f g\n# note\n#\nARG h\n',
    lints: [
      ['InvalidDefinitionDescription', 3, 'Comment for FROM should follow the format: `# bar <description>`'],
      ['InvalidDefinitionDescription', 8, 'Comment for ARG should follow the format: `# <arg_key> <description>`'],
    ],
  },
  {
    text: 'FROM scratch\nEXPOSE 80/TCP 90/udp\nEXPOSE 127.0.0.1:70:70 1-3\nEXPOSE 60:60/Udp\n',
    lints: [
      ['ExposeProtoCasing', 2, "Defined protocol '80/TCP' in EXPOSE instruction should be lowercase"],
      [
        'ExposeInvalidFormat',
        3,
        "EXPOSE instruction should not define an IP address or host-port mapping, found '127.0.0.1:70:70'",
      ],
      ['ExposeProtoCasing', 4, "Defined protocol '60:60/Udp' in EXPOSE instruction should be lowercase"],
      [
        'ExposeInvalidFormat',
        4,
        "EXPOSE instruction should not define an IP address or host-port mapping, found '60:60/Udp'",
      ],
    ],
  },
  {
    text: '# check=skip=MaintainerDeprecated, StageNameCasing\nFROM scratch AS Foo\nMAINTAINER x\nCMD x\n',
    lints: [
      ['StageNameCasing', 2, "Stage name 'Foo' should be lowercase"],
      [
        'JSONArgsRecommended',
        4,
        'JSON arguments recommended for CMD to prevent unintended behavior related to OS signals',
      ],
    ],
  },
  { text: '# check=skip=all\nFROM scratch AS Foo\nMAINTAINER x\n', lints: [] },
  { text: '# check=skip=all;error=true\nFROM scratch AS Foo\n', lints: [] },
  {
    text: '# check=jump=all\nFROM scratch AS Foo\n',
    lints: [],
    error: 'failed to parse check options: invalid check option "jump"',
  },
  {
    text: '# check=error=yes\nFROM scratch\n',
    lints: [],
    error:
      'failed to parse check options: failed to parse check option "error=yes": strconv.ParseBool: parsing "yes": invalid syntax',
  },
  {
    text: '# check=error=true\nFROM scratch\nMAINTAINER x\n',
    lints: [['MaintainerDeprecated', 3, 'Maintainer instruction is deprecated in favor of using label']],
  },
  {
    text: 'FROM scratch AS b\nONBUILD LABEL a=$b\nONBUILD CMD x\nFROM b\nLABEL c=d\n',
    lints: [
      ['UndefinedVar', 4, "Usage of undefined variable '$b'"],
      [
        'JSONArgsRecommended',
        4,
        'JSON arguments recommended for CMD to prevent unintended behavior related to OS signals',
      ],
    ],
  },
  {
    text: 'FROM scratch\nCOPY <<EOF <<"RAW" /$d\n$x\nEOF\n$y\nRAW\nRUN --mount=type=cache,target=/a$long_z true\n',
    lints: [
      ['UndefinedVar', 2, "Usage of undefined variable '$d'"],
      ['UndefinedVar', 2, "Usage of undefined variable '$x'"],
      ['UndefinedVar', 7, "Usage of undefined variable '$long_z'"],
    ],
  },
  // What cannot be built.
  { text: '', lints: [], error: 'the Dockerfile cannot be empty' },
  { text: '# hello\n', lints: [], error: 'file with no instructions' },
  { text: 'RUN x\nFOO\n', lints: [], error: 'no build stage in current context' },
  {
    text: 'FROM scratch AS B\nFOO\nfrom x\n',
    lints: [['StageNameCasing', 1, "Stage name 'B' should be lowercase"]],
    error: 'dockerfile parse error on line 2: unknown instruction: FOO (did you mean FROM?)',
  },
  { text: 'FROM scratch AS B\nENV a\n', lints: [], error: 'ENV must have two arguments' },
  { text: 'FROM scratch AS B\nRUN <<EOF\na\n', lints: [], error: 'unterminated heredoc' },
  {
    differs: 'it shows no lines',
    text: '# escape=x\nFROM scratch AS B\n',
    lints: [],
    error: "invalid escape token 'x' does not match ` or \\",
  },
  {
    text: 'FROM scratch AS B\nLABEL a=${x?must}\nMAINTAINER x\n',
    lints: [
      ['StageNameCasing', 1, "Stage name 'B' should be lowercase"],
      ['UndefinedVar', 2, "Usage of undefined variable '$x'"],
      ['MaintainerDeprecated', 3, 'Maintainer instruction is deprecated in favor of using label'],
    ],
    error: 'failed to process "${x?must}": x: must',
  },
]
