/** How the API server of a cluster is reached: by a kubeconfig, or by the service account of the pod that we run in. */
import { readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { parse } from 'yaml'
import { ifMissingNow } from '../../../../contract/absence/absent.ts'
import { problem, type Problem } from '../../../../contract/errors.ts'
import type { TlsChoice } from '../../../../http/egress.ts'

export interface Access {
  /** Without a slash at its end. */
  readonly url: string
  /** Where nothing else says it. */
  readonly namespace: string
  readonly headers: Readonly<Record<string, string>>
  readonly tls: TlsChoice
}

const IN_POD = '/var/run/secrets/kubernetes.io/serviceaccount'

/** Reads it as it is now: tokens and certificates are written anew while we run. Throws `upstream_failed` for what cannot be used. */
export function readAccess(kubeconfig: string, context: string | undefined, folder = IN_POD): Access {
  return kubeconfig === 'in-cluster' ? fromPod(folder) : fromFile(kubeconfig, context)
}

function fromPod(folder: string): Access {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = '443' } = process.env
  if (host === undefined)
    throw unusable(
      'SLIPWAY_KUBECONFIG is in-cluster, and this server runs in no pod (KUBERNETES_SERVICE_HOST is not set)',
    )
  return {
    url: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    namespace: text(join(folder, 'namespace')),
    headers: bearer(text(join(folder, 'token'))),
    tls: { ca: text(join(folder, 'ca.crt')) },
  }
}

interface Named {
  readonly name?: unknown
  readonly [part: string]: unknown
}
type Fields = Readonly<Record<string, unknown>>

function fromFile(path: string, wanted: string | undefined): Access {
  const file = parsed(path)
  const name = wanted ?? file['current-context']
  if (typeof name !== 'string' || name === '')
    throw unusable(`${path} names no current context; set SLIPWAY_KUBERNETES_CONTEXT`)
  const context = entry(path, file, 'context', name)
  const cluster = entry(path, file, 'cluster', field(context, 'cluster') ?? '')
  const who = field(context, 'user')
  const user = who === undefined ? {} : entry(path, file, 'user', who)
  const refused = [...Object.keys(user), ...unsafe(cluster)].find((key) => key in REFUSED)
  if (refused !== undefined) throw unusable(`${refused} in ${path} is not supported: ${REFUSED[refused]}`)
  const server = cluster['server']
  if (typeof server !== 'string' || URL.parse(server) === null)
    throw unusable(`the cluster of context ${name} in ${path} has no server that is an address`)
  const home = dirname(path)
  const token = field(user, 'token') ?? material(user, 'tokenFile', home)?.trim()
  const names = field(cluster, 'tls-server-name')
  return {
    url: server.replace(/\/+$/, ''),
    namespace: field(context, 'namespace') ?? 'default',
    headers: token === undefined ? {} : bearer(token),
    tls: {
      ...only('ca', material(cluster, 'certificate-authority', home)),
      ...only('cert', material(user, 'client-certificate', home)),
      ...only('key', material(user, 'client-key', home)),
      ...only('servername', names),
    },
  }
}

/** What we do not do, and what to do instead. */
const REFUSED: Readonly<Record<string, string>> = {
  exec: 'a program that makes credentials is not run; give the server a service account of the cluster, by its token or by in-cluster',
  'auth-provider': 'Kubernetes has dropped it; give the server a service account of the cluster',
  username: 'Kubernetes has dropped passwords; give the server a service account of the cluster',
  as: 'the server acts as itself; bind its rights to that account',
  'insecure-skip-tls-verify': 'whoever answers would get the tokens of steps; name the certificate-authority',
  'proxy-url': 'the API server is reached directly',
}

/** Of the fields of a cluster those that are set. */
function unsafe(cluster: Fields): string[] {
  return ['insecure-skip-tls-verify', 'proxy-url'].filter((key) => cluster[key] !== undefined && cluster[key] !== false)
}

function parsed(path: string): Fields {
  const raw = text(path)
  let found: unknown
  try {
    found = parse(raw)
  } catch (error) {
    throw unusable(`${path} is no kubeconfig: ${(error as Error).message.split('\n')[0]}`)
  }
  if (typeof found !== 'object' || found === null) throw unusable(`${path} is no kubeconfig`)
  return found as Fields
}

/** What `contexts`, `clusters` or `users` have under a name. */
function entry(path: string, file: Fields, kind: 'context' | 'cluster' | 'user', name: string): Fields {
  const list = file[`${kind}s`]
  const found = (Array.isArray(list) ? (list as Named[]) : []).find((one) => one.name === name)?.[kind]
  if (typeof found !== 'object' || found === null) throw unusable(`${path} has no ${kind} "${name}"`)
  return found as Fields
}

function field(of: Fields, key: string): string | undefined {
  const value = of[key]
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** What stands in the file itself (`…-data`, base64), or in a file that it names. */
function material(of: Fields, key: string, home: string): string | undefined {
  const data = field(of, `${key}-data`)
  if (data !== undefined) return Buffer.from(data, 'base64').toString('utf8')
  const path = field(of, key)
  return path === undefined ? undefined : text(resolve(home, path))
}

function only<K extends string>(key: K, value: string | undefined): Partial<Record<K, string>> {
  return value === undefined ? {} : ({ [key]: value } as Partial<Record<K, string>>)
}

function bearer(token: string): Record<string, string> {
  return { authorization: `Bearer ${token.trim()}` }
}

function text(path: string): string {
  const found = ifMissingNow(() => readFileSync(path, 'utf8'))
  if (found === undefined) throw unusable(`there is no ${path}`)
  return found
}

function unusable(detail: string): Problem {
  return problem('upstream_failed', { what: 'Kubernetes', detail })
}
