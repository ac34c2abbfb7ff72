/** The same trivial steps by other people's programs: Snakemake and DVC with a process a step, Prefect in the process of the flow. */
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { testEnv } from '../../test/python-env.ts'

const run = promisify(execFile)

/** Seconds of a program. */
export interface PeerTimes {
  readonly name: string
  /** The chain for the first time, and again with nothing changed. */
  readonly chain: number
  readonly again: number
  /** The items, two at a time; absent where the program runs one at a time only. */
  readonly fan?: number
}

const STEP = 'import sys\nx = int(open(sys.argv[1]).read())\nopen(sys.argv[2], "w").write(str(x + 1))\n'

/** What each of them takes for a chain of so many steps and so many items; one that cannot be installed or run says why instead. */
export async function peerTimes(steps: number, items: number): Promise<(PeerTimes | string)[]> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-peers-'))
  const told = async (name: string, measure: () => Promise<PeerTimes>): Promise<PeerTimes | string> => {
    process.stderr.write(`  ${name} …\n`)
    try {
      return await measure()
    } catch (error) {
      return `${name}: ${error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)}`
    }
  }
  try {
    return [
      await told('Snakemake 9.27.1', () => snakemake(join(folder, 'snakemake'), steps, items)),
      await told('DVC 3.67.1', () => dvc(join(folder, 'dvc'), steps)),
      await told('Prefect 3.9.1', () => prefect(folder, items)),
    ]
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

function layOut(folder: string, files: Readonly<Record<string, string>>): void {
  mkdirSync(folder)
  for (const [name, text] of Object.entries({ ...files, 'step.py': STEP, x0: '0' }))
    writeFileSync(join(folder, name), text)
}

async function seconds(program: string, args: readonly string[], cwd: string): Promise<number> {
  const began = performance.now()
  await run(program, [...args], { cwd, env: { ...process.env, DVC_NO_ANALYTICS: '1' }, maxBuffer: 64 * 1024 * 1024 })
  return (performance.now() - began) / 1000
}

async function snakemake(folder: string, steps: number, items: number): Promise<PeerTimes> {
  const name = 'Snakemake 9.27.1'
  const python = await testEnv(['snakemake==9.27.1'])
  const rule = (title: string, input: string, output: string): string =>
    `rule ${title}:\n  input: ${input}\n  output: '${output}'\n  shell: '${python} step.py {input[0]} {output}'\n`
  const chain = Array.from({ length: steps }, (_, i) => rule(`s${i}`, `'x${i}', 'step.py'`, `x${i + 1}`))
  const all = `rule chain:\n  input: 'x${steps}'\nrule fan:\n  input: expand('y{i}', i=range(${items}))\n`
  layOut(folder, { Snakefile: `${all}${chain.join('')}${rule('one', `'x0'`, 'y{i}')}` })
  const program = join(dirname(python), 'snakemake')
  const measure = (target: string): Promise<number> => seconds(program, ['-q', 'all', '-j2', target], folder)
  return { name, chain: await measure('chain'), again: await measure('chain'), fan: await measure('fan') }
}

async function dvc(folder: string, steps: number): Promise<PeerTimes> {
  const name = 'DVC 3.67.1'
  const python = await testEnv(['dvc==3.67.1'])
  const stages = Array.from(
    { length: steps },
    (_, i) =>
      `  s${i}:\n    cmd: ${python} step.py x${i} x${i + 1}\n    deps: [step.py, x${i}]\n    outs: [x${i + 1}]\n`,
  )
  layOut(folder, { 'dvc.yaml': `stages:\n${stages.join('')}` })
  const program = join(dirname(python), 'dvc')
  await seconds(program, ['init', '-q', '--no-scm'], folder)
  const measure = (): Promise<number> => seconds(program, ['repro', '-q'], folder)
  return { name, chain: await measure(), again: await measure() }
}

async function prefect(folder: string, items: number): Promise<PeerTimes> {
  const python = await testEnv(['prefect==3.9.1'])
  const program = join(import.meta.dirname, 'chain_prefect.py')
  const env = {
    ...process.env,
    PREFECT_HOME: join(folder, 'prefect'),
    PREFECT_LOGGING_LEVEL: 'CRITICAL',
    DO_NOT_TRACK: '1',
  }
  const { stdout } = await run(python, [program, String(items)], { cwd: folder, env, timeout: 300_000 })
  return {
    name: 'Prefect 3.9.1, no process a step',
    ...(JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Omit<PeerTimes, 'name'>),
  }
}
