/** Arguments as commands read them, and the help of every command: what it shows is what the command takes. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { COMMANDS } from '../commands.ts'
import { help, number, parse, text, UsageError } from './command.ts'
import type { Command, Invocation } from './command.ts'
import { SILENT } from './output.ts'

const SAMPLE: Command = {
  name: 'sample',
  summary: 'A sample',
  usage: 'RUN [STEP]',
  example: 'slipway sample run_1',
  flags: [
    { name: 'data', value: 'DIR', meaning: 'Folder.' },
    { name: 'rows', value: 'N', meaning: 'Rows.' },
    { name: 'param', value: 'K=V', many: true, meaning: 'Param.' },
    { name: 'force', meaning: 'Force.' },
  ],
  load: () => Promise.reject(new Error('the sample is not run')),
}

function read(...argv: string[]): Invocation {
  return { ...parse(SAMPLE, argv), out: SILENT }
}

/** The words of a line as a shell would hand them on. */
function words(line: string): string[] {
  return [...line.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(
    ([, single, double, plain]) => single ?? double ?? plain ?? '',
  )
}

describe('arguments', () => {
  it('are told from flags wherever they stand', () => {
    const { args, flags } = read('--force', 'run_1', '--data', 'a b', 'train', '--json')
    assert.deepEqual(args, ['run_1', 'train'])
    assert.deepEqual({ ...flags }, { force: true, data: 'a b', json: true })
  })

  it('may look like flags after two dashes', () => {
    assert.deepEqual(read('--', '--force', '-x').args, ['--force', '-x'])
    assert.equal(read('--', '--force').flags['force'], undefined)
  })

  it('keep every value of a flag that may be repeated, in order', () => {
    assert.deepEqual(read('--param', 'a=1', '--param=b=2', '--param', 'a=3').flags['param'], ['a=1', 'b=2', 'a=3'])
    assert.deepEqual(read('--param', 'a=1').flags['param'], ['a=1'])
  })

  it('keep the last value of a flag that is said twice', () => {
    assert.equal(text(read('--data', 'one', '--data', 'two'), 'data'), 'two')
  })

  it('keep an empty value and what follows the first sign of equality', () => {
    assert.equal(text(read('--data='), 'data'), '')
    assert.equal(text(read('--data=a=b'), 'data'), 'a=b')
  })

  it('take a number below zero as the value of the flag before it, and nowhere else', () => {
    assert.equal(text(read('--data', '-3'), 'data'), '-3')
    assert.deepEqual(read('--param', '-1.5', '--param', '-2').flags['param'], ['-1.5', '-2'])
    assert.deepEqual(read('--', '--data', '-3').args, ['--data', '-3'])
    for (const argv of [['-3'], ['--force', '-3'], ['--data', 'x', '-3']])
      assert.throws(() => read(...argv), UsageError)
  })

  it('know -h as --help', () => {
    assert.equal(read('-h').flags['help'], true)
  })

  for (const [argv, message] of [
    [['--colour'], "there is no flag '--colour'"],
    [['-x'], "there is no flag '-x'"],
    [['--data'], "Option '--data <value>' argument missing"],
    [['--data', '--force'], "Option '--data' argument is ambiguous."],
    [['--force=yes'], "Option '--force' does not take an argument"],
    [['run_1', 'train', 'more', 'still'], '"more" is one argument too many'],
  ] as const) {
    it(`refuses ${argv.join(' ')} in one sentence`, () => {
      assert.throws(
        () => read(...argv),
        (error: unknown) => error instanceof UsageError && error.message === message,
      )
    })
  }

  it('may be too many where only help is asked for', () => {
    assert.equal(read('a', 'b', 'c', '--help').flags['help'], true)
  })

  it('are counted by the longest way of the usage', () => {
    const command = { ...SAMPLE, usage: '[MODEL [VERSION] | at TIME | approve|scan MODEL/VERSION]' }
    assert.equal(parse(command, ['flight', '3']).args.length, 2)
    assert.throws(() => parse(command, ['flight', '3', '4']), UsageError)
    assert.deepEqual(parse({ ...SAMPLE, usage: 'VIEW...' }, ['one', 'two', 'three']).args, ['one', 'two', 'three'])
    assert.throws(() => parse({ ...SAMPLE, usage: '' }, ['one']), UsageError)
  })
})

describe('a number of a flag', () => {
  const range = { min: 1, max: 1000, default: 50 }

  it('is the default where the flag is not said', () => {
    assert.equal(number(read(), 'rows', range), 50)
  })

  for (const [said, value] of [
    ['1', 1],
    ['1000', 1000],
    ['07', 7],
    ['1e2', 100],
  ] as const) {
    it(`takes ${said}`, () => assert.equal(number(read('--rows', said), 'rows', range), value))
  }

  for (const said of ['0', '1001', '2.5', '-3', '', 'ten', 'NaN', 'Infinity', '3 rows']) {
    it(`refuses "${said}" and names the range`, () => {
      assert.throws(() => number(read(`--rows=${said}`), 'rows', range), {
        message: `--rows is "${said}"; expected a whole number from 1 to 1000`,
      })
    })
  }
})

describe('the table of commands', () => {
  it('names each command once', () => {
    const names = COMMANDS.map((command) => command.name)
    assert.deepEqual([...new Set(names)], names)
  })

  for (const command of COMMANDS) {
    it(`has an example of ${command.name} that the command takes`, () => {
      const [program, name, ...rest] = words(command.example.replace(/^eval "\$\((.+)\)"$/, '$1'))
      assert.deepEqual([program, name], ['slipway', command.name])
      parse(command, rest)
    })

    it(`shows every flag of ${command.name} once, in columns`, () => {
      const lines = help(command).split('\n')
      assert.equal(lines[0], command.summary)
      assert.ok(lines.includes(`Example: ${command.example}`))
      assert.equal(lines[2], `Usage: slipway ${command.name} ${command.usage}`.trimEnd())
      const shown = lines.flatMap((line) => /^ {2}--([\w-]+)/.exec(line)?.[1] ?? [])
      assert.deepEqual(shown, [...command.flags.map((flag) => flag.name), 'json', 'help'])
      const columns = lines.flatMap((line) => /^ {2}--\S+(?: \S+)? {2,}/.exec(line)?.[0].length ?? [])
      assert.equal(new Set(columns).size, 1, 'the meanings begin in one column')
      for (const { meaning } of command.flags) assert.match(meaning, /^\S.*\.$/)
    })

    it(`can load ${command.name}`, async () => {
      assert.equal(typeof (await command.load()).run, 'function')
    })
  }
})
