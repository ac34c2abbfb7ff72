/** What the control process is started with, and what it then is to whoever started it. */
import type { Route } from './contract/route.ts'
import type { KubernetesSettings, SlurmSettings } from './contract/values/drivers.ts'
import type { TlsFiles } from './gateway/http/tls.ts'
import type { Patience } from './http/callers/request-body.ts'
import type { Mode } from './isolation/isolation.ts'

export interface AppOptions {
  readonly dataDir: string
  /** `postgres://…` instead of SQLite in the data folder, `s3://…` instead of a folder for the blobs. */
  readonly databaseUrl?: string
  readonly blobsUrl?: string
  readonly host: string
  /** 0 = a free port. */
  readonly port: number
  readonly gatewayPort: number
  /** Port of gRPC, 0 = a free one; absent = no gRPC. */
  readonly grpcPort?: number
  /** Certificate and key of predictions, PEM files; absent = without TLS. */
  readonly gatewayTls?: TlsFiles
  /** The private key, as PEM, by which reproductions are attested; absent = they are not. */
  readonly signingKey?: string
  /** Files that steps, models and builds do not see: keys of the server. */
  readonly secretFiles?: readonly string[]
  /** Gateway processes. */
  readonly gateways: number
  /** Folder of the built pages; default dist/web. */
  readonly pages?: string
  /** Everyone is admin; allowed on loopback only. */
  readonly noAuth: boolean
  /** Host names besides loopback and `host` that a request may name. */
  readonly allowHosts: readonly string[]
  readonly logLevel: string
  /** Address under which people reach the pages; default: that of this server. */
  readonly pagesUrl?: string
  /** Private hosts that webhooks and declared sources may reach. */
  readonly egressAllow?: readonly string[]
  /** Silence after which a run is lost, and time that a blob is unreachable before it goes, ms; default 30 minutes, 24 hours. */
  readonly silentMs?: number
  readonly graceMs?: number
  /** How long calls of language models are kept, and request and answer in them, ms; absent = for ever. */
  readonly callAges?: { readonly calls?: number; readonly content?: number }
  /** How slowly a caller may send a streamed body and take its answer. */
  readonly patience?: Patience
  /** Longest read of the database that a caller waits for, ms; default 15 s. */
  readonly longestReadMs?: number
  /** A Ray cluster on which steps may run: the address of its head, and its token where it asks for one. */
  readonly ray?: { readonly url: string; readonly token?: string | undefined }
  /** A Kubernetes cluster on which steps may run. */
  readonly kubernetes?: KubernetesSettings
  /** A Slurm cluster on which steps may run, by its slurmrestd. */
  readonly slurm?: SlurmSettings
  /** Address at which machines of a cluster reach this server; default: that on which it listens. */
  readonly nodeUrl?: string
  /** What tells steps that their machine is taken away, as `ec2` or `file:PATH`; default nothing. */
  readonly notice?: string
  /** Whether steps, models and builds are confined; default auto: as far as the machine can. */
  readonly isolation?: Mode
  /** Folders that these may write besides their own. */
  readonly writable?: readonly string[]
  /** Folders from which declared sources are read; default none. */
  readonly sourceFolders?: readonly string[]
  /** Memory of steps that name none, bytes; absent = as much as there is. */
  readonly stepMemory?: number
  /** Cores and bytes that all steps that run may take; absent = of the machine. */
  readonly stepCpusTotal?: number
  readonly stepMemoryTotal?: number
  /** How long the steps of a machine are waited for after it was last heard of, ms; default 15 minutes. */
  readonly awayMs?: number
  /** Told where the server is when it has started, before `/v1/health` says so. */
  readonly announced?: (at: Announced) => Promise<void>
  /** Adds POST /__reset, for other projects' test suites. */
  readonly testHooks?: boolean
}

/** Where a server is reached, as `server.json` has it. */
export interface Announced {
  readonly url: string
  readonly gateway_url: string
  /** host:port of gRPC; null without. */
  readonly grpc_address: string | null
  readonly token_file: string
}

export interface App {
  readonly url: string
  readonly gatewayUrl: string
  /** host:port of gRPC; null without. */
  readonly grpcAddress: string | null
  readonly tokenFile: string
  /** What the rooms answer. */
  readonly routes: readonly Route[]
  /** Opens the web UI once; null where it could not be kept. */
  readonly loginUrl: string | null
  /** The database is known to be damaged: nothing is written. */
  readonly damaged: boolean
  stop(): Promise<void>
}
