/** `slipway llm providers`: whom language models are called at, with keys that never stand on a command line. */
import { text as readAll } from 'node:stream/consumers'
import { ifJson } from '../../contract/absence/absent.ts'
import { readUserText } from '../../contract/absence/user-file.ts'
import { llmProvidersApi } from '../../contract/llm/providers.ts'
import { text, UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { connect } from '../invocation/server.ts'
import { many, named, ofProject, oneOf } from './act.ts'
import type { Act } from './act.ts'

/** Most that is read of a file of credentials, bytes. */
const LARGEST = 64 * 1024

export const PROVIDERS: Readonly<Record<string, Act>> = { list, add, remove }

async function list(invocation: Invocation): Promise<number> {
  const { client } = await connect(invocation)
  const { items } = await client.call(llmProvidersApi.listLlmProviders, { query: ofProject(invocation) })
  invocation.out.data(items)
  if (items.length === 0) invocation.out.line('there is no provider; slipway llm providers add NAME names one')
  else
    invocation.out.table(
      ['name', 'project', 'provider', 'address', 'key', 'fault'],
      items.map((one) => [
        one.name,
        one.project,
        one.provider ?? '',
        one.base_url ?? '',
        one.has_key ? 'yes' : 'none',
        one.fault ?? '',
      ]),
    )
  return 0
}

async function add(invocation: Invocation, given: string | undefined): Promise<number> {
  const name = named(given, 'providers add', 'a NAME')
  const base_url = text(invocation, 'base-url')
  const settings = settingsOf(invocation)
  const body = {
    name,
    ...ofProject(invocation),
    provider: text(invocation, 'vendor') ?? name,
    ...(base_url !== undefined && { base_url }),
    ...(Object.keys(settings).length > 0 && { settings }),
    ...(await secretsOf(invocation)),
  }
  const { client } = await connect(invocation)
  const made = await client.call(llmProvidersApi.createLlmProvider, { body })
  invocation.out.data(made)
  invocation.out.line(
    `${made.name} is called at ${made.base_url ?? 'no address'}, ${made.has_key ? 'with' : 'without'} a key.`,
  )
  return 0
}

async function remove(invocation: Invocation, given: string | undefined): Promise<number> {
  const name = named(given, 'providers remove', 'a NAME')
  const { client } = await connect(invocation)
  const { items } = await client.call(llmProvidersApi.listLlmProviders, { query: ofProject(invocation) })
  const { id } = oneOf(items, name, 'provider')
  await client.call(llmProvidersApi.removeLlmProvider, { params: { id } })
  invocation.out.data({ removed: id })
  invocation.out.line(`${name} is removed, and its key with it.`)
  return 0
}

function settingsOf(invocation: Invocation): Record<string, string> {
  return Object.fromEntries(
    many(invocation, 'setting').map((one): [string, string] => {
      const at = one.indexOf('=')
      if (at < 1) throw new UsageError('--setting has no NAME=VALUE; expected aws_region_name=eu-west-1, for example')
      return [one.slice(0, at), one.slice(at + 1)]
    }),
  )
}

/** What is secret of a provider: its key from a file, a variable or standard input, and other credentials from a file. */
async function secretsOf(
  invocation: Invocation,
): Promise<{ readonly api_key?: string; readonly credentials?: Record<string, string> }> {
  const [file, variable, other] = ['key-file', 'key-env', 'credentials-file'].map((flag) => text(invocation, flag))
  if ([file, variable, other].filter((one) => one !== undefined).length > 1)
    throw new UsageError('say one of --key-file, --key-env and --credentials-file')
  if (other !== undefined) return { credentials: credentialsOf(await read(other)) }
  if (file !== undefined)
    return { api_key: notEmpty((await read(file)).trim(), file === '-' ? 'standard input' : file) }
  if (variable !== undefined) return { api_key: notEmpty(process.env[variable]?.trim(), `the variable ${variable}`) }
  return {}
}

function read(file: string): Promise<string> {
  return file === '-' ? readAll(process.stdin) : readUserText(file, { most: LARGEST, pipes: true })
}

function notEmpty(key: string | undefined, where: string): string {
  if (key === undefined || key === '') throw new UsageError(`${where} has no key`)
  return key
}

/** The text is not repeated: it is secret. */
function credentialsOf(given: string): Record<string, string> {
  const value = ifJson(given)
  const isTexts =
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every((one) => typeof one === 'string')
  if (!isTexts) throw new UsageError('the file of credentials is no JSON object of texts')
  return value as Record<string, string>
}
