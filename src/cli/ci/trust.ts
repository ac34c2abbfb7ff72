/** `slipway ci trust`: whom an issuer of ID tokens may vouch for, so that jobs of CI need no stored token. */
import type { Client } from '../../client/client.ts'
import { MACHINE_ROLES, machinesApi, MOST_MINUTES } from '../../contract/identity/machines.ts'
import { number, text, UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { connect } from '../invocation/server.ts'

/** Issuers that are the same for everybody. */
const ISSUERS: Readonly<Record<string, string>> = {
  github: 'https://token.actions.githubusercontent.com',
  gitlab: 'https://gitlab.com',
}

export async function trust(invocation: Invocation): Promise<number> {
  const [, verb = 'list', name] = invocation.args
  if (verb === 'list') return list(invocation)
  if (verb !== 'add' && verb !== 'remove')
    throw new UsageError(`slipway ci trust does not know "${verb}"; expected add, list or remove`)
  if (name === undefined) throw new UsageError(`slipway ci trust ${verb} needs a NAME`)
  return verb === 'add' ? add(invocation, name) : remove(invocation, name)
}

async function list(invocation: Invocation): Promise<number> {
  const { client } = await connect(invocation)
  const { items } = await client.call(machinesApi.listTrusts)
  invocation.out.data(items)
  invocation.out.table(
    ['name', 'role', 'project', 'minutes', 'subject', 'claims', 'issuer', 'audience'],
    items.map((one) => [
      one.name,
      one.role,
      one.project,
      String(one.minutes),
      one.subject,
      Object.entries(one.claims)
        .map(([claim, value]) => `${claim}=${value}`)
        .join(' '),
      one.issuer,
      one.audience,
    ]),
  )
  return 0
}

async function add(invocation: Invocation, name: string): Promise<number> {
  const wanted = {
    name,
    issuer: issuerOf(invocation),
    subject: needed(invocation, 'subject', 'repo:OWNER/NAME:ref:refs/heads/main for example'),
    project: needed(invocation, 'project', 'the project that its tokens are of'),
    claims: claimsOf(invocation),
    role: roleOf(invocation),
    minutes: number(invocation, 'minutes', { min: 1, max: MOST_MINUTES, default: 60 }),
  }
  const { client } = await connect(invocation)
  const body = { ...wanted, audience: text(invocation, 'audience') ?? client.url }
  const made = await client.call(machinesApi.createTrust, { body })
  invocation.out.data(made)
  invocation.out.line(
    `${made.issuer} may vouch for ${made.subject}: it gets a token of project ${made.project} as ${made.role} for ${made.minutes} minutes.`,
  )
  return 0
}

async function remove(invocation: Invocation, name: string): Promise<number> {
  const { client } = await connect(invocation)
  const id = await idOf(client, name)
  await client.call(machinesApi.removeTrust, { params: { id } })
  invocation.out.data({ removed: id })
  invocation.out.line(`${name} is not trusted any more; tokens that it has go on to their end.`)
  return 0
}

async function idOf(client: Client, name: string): Promise<string> {
  const { items } = await client.call(machinesApi.listTrusts)
  const found = items.find((one) => one.name === name || one.id === name)
  if (found !== undefined) return found.id
  const known = items.length === 0 ? 'none is trusted' : `trusted are ${items.map((one) => one.name).join(', ')}`
  throw new UsageError(`no machine is called "${name}"; ${known}`)
}

function issuerOf(invocation: Invocation): string {
  const given = needed(invocation, 'issuer', 'github, gitlab (gitlab.com) or the address of an issuer')
  return ISSUERS[given] ?? given
}

function claimsOf({ flags }: Invocation): Record<string, string> {
  const given = (flags['claim'] as readonly string[] | undefined) ?? []
  const claims = given.map((one): [string, string] => {
    const at = one.indexOf('=')
    if (at < 1) throw new UsageError(`--claim is "${one}"; expected NAME=VALUE, for example repository_id=4711`)
    return [one.slice(0, at), one.slice(at + 1)]
  })
  const twice = claims.find(([name], i) => claims.findIndex(([other]) => other === name) !== i)
  if (twice !== undefined) throw new UsageError(`--claim ${twice[0]} is given twice; a claim has one value`)
  return Object.fromEntries(claims)
}

type Role = (typeof MACHINE_ROLES)[number]

function roleOf(invocation: Invocation): Role {
  const given = text(invocation, 'role') ?? 'contributor'
  const role = MACHINE_ROLES.find((one) => one === given)
  if (role === undefined) throw new UsageError(`--role is "${given}"; expected one of ${MACHINE_ROLES.join(', ')}`)
  return role
}

function needed(invocation: Invocation, flag: string, what: string): string {
  const given = text(invocation, flag)
  if (given === undefined) throw new UsageError(`slipway ci trust add needs --${flag}: ${what}`)
  return given
}
