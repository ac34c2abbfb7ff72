/** The generated part of the documentation: reference pages made from the tables of the code. */
import { globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { z } from 'zod'
import { allows, ROLES } from '../src/contract/access.ts'
import { COMMANDS } from '../src/cli/commands.ts'
import { COMMON } from '../src/cli/invocation/command.ts'
import { CONFIG } from '../src/cli/invocation/config.ts'
import { ERRORS } from '../src/contract/errors.ts'
import { openApi } from '../src/contract/openapi.ts'
import { STEP_DRIVERS } from '../src/contract/values/drivers.ts'
import type { Route } from '../src/contract/route.ts'
import { driverCaseNames } from '../src/pipelines/drivers/driver.cases.ts'
import { projectJsonSchema } from '../src/pipelines/spec/project.ts'
import { roomTable } from './rooms.ts'

const NOTE = '<!-- Made from the code by `npm run docs`; edits are overwritten. -->'

/** What the contract exports: route tables (each `fooApi` is `foo`) and the schemas that have a name. */
interface Contract {
  readonly tables: Record<string, Record<string, Route>>
  readonly schemas: Record<string, z.ZodType>
}

/** Reads the files of `src/contract`, in the order of their names. */
async function readContract(root: string): Promise<Contract> {
  const contract: Contract = { tables: {}, schemas: {} }
  const files = globSync('src/contract/**/*.ts', { cwd: root }).filter((file) => !file.endsWith('.test.ts'))
  for (const file of files.sort()) {
    const exported = (await import(pathToFileURL(join(root, file)).href)) as Record<string, unknown>
    for (const [name, value] of Object.entries(exported)) {
      if (name.endsWith('Api')) contract.tables[name.replace(/Api$/, '')] = value as Record<string, Route>
      if (/^[A-Z]/.test(name) && value instanceof z.ZodType) contract.schemas[name] = value
    }
  }
  return contract
}

/** Every generated page: path relative to the checkout -> text. */
export async function referencePages(root: string): Promise<Map<string, string>> {
  const { tables, schemas } = await readContract(root)
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
  return new Map([
    ['docs/reference/errors.md', errorsPage()],
    ['docs/reference/routes.md', routesPage(tables)],
    ['docs/reference/configuration.md', configurationPage()],
    ['docs/reference/cli.md', cliPage()],
    ['docs/reference/drivers.md', driversPage()],
    ['docs/reference/openapi.json', `${JSON.stringify(openApi({ tables, schemas, version }), null, 1)}\n`],
    ['docs/reference/slipway.schema.json', `${JSON.stringify(projectJsonSchema(), null, 2)}\n`],
    ['ARCHITECTURE.md', architecturePage(root)],
  ])
}

/** ARCHITECTURE.md with its table redrawn from the imports. Throws when the page has no table to replace. */
export function architecturePage(root: string): string {
  const page = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8')
  const table = /^\| room \|.*\n(?:\|.*\n)*/m
  if (!table.test(page)) throw new Error('ARCHITECTURE.md has no table that begins with "| room |"')
  return page.replace(table, () => `${roomTable(join(root, 'src'))}\n`)
}

function page(title: string, intro: string, body: readonly string[]): string {
  return `${[`# ${title}`, NOTE, intro, ...body].join('\n\n')}\n`
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map(tableRow).join('\n')
}

function tableRow(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
}

/** The tests that hold each driver to the cases. */
const HELD: Readonly<Record<(typeof STEP_DRIVERS)[number], string>> = {
  local: 'src/pipelines/drivers/local/driver.process.test.ts',
  ray: 'test/clusters/ray.story.test.ts',
  kubernetes: 'test/clusters/kubernetes.story.test.ts',
  slurm: 'test/clusters/slurm.story.test.ts',
}

function driversPage(): string {
  const names = driverCaseNames()
  const intro =
    `What is true of an attempt wherever it runs: ${names.length} cases, each of which passes on every driver in a test with the real thing ` +
    `(${STEP_DRIVERS.map((driver) => `\`${driver}\`: \`${HELD[driver]}\``).join('; ')}). How drivers are used: [drivers](../guides/drivers.md).`
  const rows = names.map((name) => [name, ...STEP_DRIVERS.map(() => 'passes')])
  return page('What every driver does', intro, [table(['case', ...STEP_DRIVERS], rows)])
}

function errorsPage(): string {
  const intro =
    'Slipway’s own API answers a refusal or a fault as `{"error": {"code", "message", "details", "request_id", "help"}}`. ' +
    'Words in braces are filled in and are also sent in `details`. Foreign protocols keep the error shapes of their own.'
  const rows = Object.entries(ERRORS).map(([code, row]) => [
    `\`${code}\``,
    String(row.status),
    `\`${row.message}\``,
    row.help,
  ])
  return page('Errors', intro, [table(['code', 'status', 'message', 'what to do'], rows)])
}

function routesPage(tables: Contract['tables']): string {
  const intro =
    'The native API. Bodies and replies are JSON in snake_case, times RFC 3339 in UTC; their fields are in ' +
    '[openapi.json](openapi.json). "who" names the roles that may call a route. The token goes into ' +
    '`Authorization: Bearer TOKEN`. A POST that changes something takes `Idempotency-Key`: ' +
    '[calls that are sent twice](../guides/operating.md#calls-that-are-sent-twice).'
  const sections = Object.entries(tables).map(([name, routes]) => {
    const rows = Object.values(routes).map((one) => [
      `\`${one.method} ${one.path}\``,
      one.summary,
      who(one),
      (one.errors ?? []).map((code) => `\`${code}\``).join(' '),
    ])
    return `## ${name}\n\n${table(['route', 'what it does', 'who', 'errors of its own'], rows)}`
  })
  return page('Routes', intro, sections)
}

function who({ access }: Route): string {
  if (access === 'public') return 'everyone'
  return ROLES.filter((role) => allows(role, access)).join(', ')
}

function configurationPage(): string {
  const intro = 'Environment variables, read once at the start. Flags of the command line win over them.'
  const rows = CONFIG.map(({ key, default: value, meaning }) => [`\`${key}\``, value, meaning])
  return page('Configuration', intro, [table(['variable', 'default', 'meaning'], rows)])
}

function cliPage(): string {
  const intro =
    'Exit codes: 0 done, 1 refused by a gate or check, or failed by the project’s own code, packages or secrets, 2 wrong usage, 3 a fault of the machine or server. Every command has ' +
    `${COMMON.map((flag) => `\`--${flag.name}\``).join(' and ')}.`
  const sections = COMMANDS.map((command) => {
    const rows = command.flags.map((flag) => [
      `\`--${flag.name}${flag.value === undefined ? '' : ` ${flag.value}`}\``,
      flag.many === true ? `${flag.meaning} May be repeated.` : flag.meaning,
    ])
    const usage = `slipway ${command.name} ${command.usage}`.trim()
    const flags = rows.length === 0 ? [] : [table(['flag', 'meaning'], rows)]
    return [
      `## ${command.name}`,
      `${command.summary}.`,
      `\`${usage}\``,
      ...flags,
      `Example: \`${command.example}\``,
    ].join('\n\n')
  })
  return page('Command line', intro, sections)
}

/** Names that a page has but the code has not, and the other way round; for messages that name the difference. */
export function difference(path: string, have: string, want: string): string {
  const [old, fresh] = [new Set(have.split('\n')), new Set(want.split('\n'))]
  const lines = [
    ...[...fresh].filter((line) => !old.has(line)).map((line) => `+ ${line}`),
    ...[...old].filter((line) => !fresh.has(line)).map((line) => `- ${line}`),
  ]
  return `${basename(path)} is out of step:\n${lines.slice(0, 12).join('\n')}`
}
