/** The inputs of a project: files that the code reads are copied beside it, and settings name them there. */
import { cp, mkdir, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { basename, extname, join, resolve } from 'node:path'
import { ifMissing } from '../../contract/absence/absent.ts'
import { refusal } from '../read/refusal.ts'
import type { Input, Program, Setting } from '../rewrite/program.ts'

/** Larger inputs stay where they are, bytes. */
const COPIED = 50 * 1024 * 1024

/** The inputs; `given` is `NAME=PATH` of --data. Throws for a name that is no input, and for a path that does not exist. */
export async function inputsOf(program: Program, folder: string, given: readonly string[]): Promise<Input[]> {
  const settings = [...program.settings.values()].filter(({ input }) => input !== undefined)
  const named = new Map<string, string>()
  for (const one of given) {
    const [name, path] = await namedInput(one, settings)
    named.set(name, path)
  }
  const taken = new Set<string>()
  const inputs: Input[] = []
  for (const { name, input = '' } of settings) {
    const path = named.get(name) ?? localPath(input, folder)
    const found = path === undefined ? undefined : await ifMissing(stat(path))
    const copies = path !== undefined && found !== undefined && found.isFile() && found.size <= COPIED
    inputs.push({
      name,
      written: input,
      path: found === undefined ? undefined : path,
      copied: copies ? fresh(taken, basename(path)) : undefined,
    })
  }
  return inputs
}

/** Where a path of the code lies; undefined for an address. */
function localPath(input: string, folder: string): string | undefined {
  return /^[a-z]+:\/\//.test(input) ? undefined : resolve(folder, input.replace(/^~(?=\/)/, homedir()))
}

async function namedInput(given: string, settings: readonly Setting[]): Promise<[name: string, path: string]> {
  const at = given.indexOf('=')
  const [name, path] = [given.slice(0, at), resolve(given.slice(at + 1))]
  if (at < 1 || !settings.some((setting) => setting.name === name))
    throw refused(
      `--data ${given} names no input; inputs are ${settings.map((setting) => setting.name).join(', ') || 'none'}`,
      'write --data NAME=PATH',
    )
  if ((await ifMissing(stat(path))) === undefined) throw refused(`${path} does not exist`, 'name a file that is there')
  return [name, path]
}

function refused(message: string, remedy: string): Error {
  return refusal([{ code: 'data', cell: null, message, remedy }])
}

function fresh(taken: Set<string>, file: string): string {
  let name = file
  for (let count = 2; taken.has(name); count += 1) name = `${basename(file, extname(file))}_${count}${extname(file)}`
  taken.add(name)
  return `data/${name}`
}

/** Settings with the inputs' places in the project as defaults. */
export function placeInputs(program: Program, inputs: readonly Input[]): void {
  for (const { name, copied, path } of inputs) {
    const setting = program.settings.get(name)
    if (setting === undefined) continue
    const source =
      copied !== undefined
        ? `str(ROOT / "data" / ${JSON.stringify(basename(copied))})`
        : path !== undefined && !path.startsWith('~')
          ? JSON.stringify(path)
          : setting.source
    program.settings.set(name, { ...setting, source })
  }
}

/** Copies inputs into the project. */
export async function copyInputs(inputs: readonly Input[], project: string): Promise<void> {
  for (const { path, copied } of inputs) {
    if (path === undefined || copied === undefined) continue
    await mkdir(join(project, 'data'), { recursive: true })
    await cp(path, join(project, copied))
  }
}
