/** Every configuration key, read once at start: environment variables, with their meaning and default. */

export interface ConfigKey {
  readonly key: string
  readonly default: string
  readonly meaning: string
}

export const CONFIG: readonly ConfigKey[] = [
  { key: 'SLIPWAY_DATA', default: '.slipway', meaning: 'Data folder, when --data is not given.' },
  {
    key: 'SLIPWAY_URL',
    default: 'from server.json of the data folder',
    meaning: 'Server that the command line talks to.',
  },
  {
    key: 'SLIPWAY_TOKEN',
    default: 'from the file "token" of the data folder',
    meaning: 'Token that the command line sends; that of the folder goes to the server of that folder alone.',
  },
  {
    key: 'SLIPWAY_IMPORT_TOKEN',
    default: 'none',
    meaning: 'Token that `slipway import mlflow URL` sends to the server it reads from.',
  },
  {
    key: 'SLIPWAY_IMPORT_USER',
    default: 'none',
    meaning: 'User that `slipway import mlflow URL` names to the server it reads from, when there is no token.',
  },
  {
    key: 'SLIPWAY_IMPORT_PASSWORD',
    default: 'none',
    meaning: 'The password of SLIPWAY_IMPORT_USER.',
  },
  {
    key: 'SLIPWAY_DATABASE_URL',
    default: 'SQLite in the data folder',
    meaning: 'postgres://… to keep the tables in PostgreSQL (14 or newer).',
  },
  {
    key: 'SLIPWAY_BLOBS',
    default: 'the folder "blobs" of the data folder',
    meaning:
      's3://bucket/prefix to keep files in an S3 server; AWS_ENDPOINT_URL_S3, AWS_REGION and AWS_… keys name it.',
  },
  {
    key: 'SLIPWAY_GATEWAY_TLS_CERT',
    default: 'none',
    meaning: 'Certificate of predictions in PEM, when --gateway-tls-cert is not given.',
  },
  {
    key: 'SLIPWAY_GATEWAY_TLS_KEY',
    default: 'none',
    meaning: 'The key of that certificate in PEM, when --gateway-tls-key is not given.',
  },
  {
    key: 'SLIPWAY_CACHE',
    default: '~/.cache/slipway',
    meaning: 'Folder of Python environments and tools, shared by all data folders of a user.',
  },
  {
    key: 'SLIPWAY_LOG_LEVEL',
    default: 'info',
    meaning: 'debug, info, warn or error; logs are JSON lines on standard error.',
  },
  {
    key: 'SLIPWAY_EGRESS_ALLOW',
    default: 'nothing',
    meaning: 'Private hosts that webhooks may reach, separated by commas.',
  },
  {
    key: 'SLIPWAY_PAGES_URL',
    default: 'the address that the server listens on',
    meaning: 'Address under which people reach the pages: links in messages to webhooks begin with it.',
  },
  {
    key: 'SLIPWAY_LOST_AFTER_MINUTES',
    default: '30',
    meaning: 'A run that says RUNNING and writes nothing for so long is lost.',
  },
  {
    key: 'SLIPWAY_BLOB_GRACE_HOURS',
    default: '24',
    meaning: 'Blobs go when nothing has reached them for so long.',
  },
  {
    key: 'SLIPWAY_STEP_MEMORY',
    default: 'as much as there is',
    meaning: 'Memory of a step whose project file says nothing of it, for example 4Gi; more ends the attempt.',
  },
  {
    key: 'SLIPWAY_STEP_CPUS_TOTAL',
    default: 'the cores of the machine, at least 2',
    meaning: 'Cores that all steps that run take together; a step takes `resources.cpus`, else one.',
  },
  {
    key: 'SLIPWAY_STEP_MEMORY_TOTAL',
    default: '80 % of the memory',
    meaning: 'Memory that all steps that run take together; a step that names none takes one core’s share.',
  },
  {
    key: 'SLIPWAY_ISOLATION',
    default: 'auto',
    meaning:
      'Whether steps, models and builds are kept from what is the server’s: auto (as far as the machine can), required, off; when --isolation is not given.',
  },
  {
    key: 'SLIPWAY_WRITABLE',
    default: 'none',
    meaning:
      'Folders that steps, models and builds may write besides their own and temporary ones; absolute paths, separated by a colon.',
  },
  {
    key: 'SLIPWAY_OFFLINE',
    default: 'off',
    meaning: '1 makes environments from the cache alone, without the network.',
  },
  { key: 'SLIPWAY_PYTHON', default: 'python3', meaning: 'Python that environments are made from.' },
  {
    key: 'SLIPWAY_DEBIAN_MIRROR',
    default: 'https://deb.debian.org',
    meaning: 'Where `slipway image build` gets the packages of its default base, which are pinned by hash.',
  },
  {
    key: 'SLIPWAY_NO_AUTH',
    default: 'off',
    meaning: 'In an image for serving: 1 lets everybody ask, in place of SLIPWAY_TOKEN.',
  },
  { key: 'SLIPWAY_HOST', default: '0.0.0.0', meaning: 'In an image for serving: the address that it listens on.' },
  { key: 'SLIPWAY_PORT', default: '4601', meaning: 'In an image for serving: the port of predictions.' },
  {
    key: 'SLIPWAY_GRPC_PORT',
    default: 'none',
    meaning: 'In an image for serving: the port of predictions over gRPC.',
  },
  {
    key: 'SLIPWAY_ALLOW_HOST',
    default: 'localhost',
    meaning: 'In an image for serving with SLIPWAY_NO_AUTH: host names that requests may use, separated by commas.',
  },
  {
    key: 'SLIPWAY_TEST_HOOKS',
    default: 'off',
    meaning: 'For test suites only: 1 adds POST /__reset, which empties the store, and fault points.',
  },
  {
    key: 'SLIPWAY_FAULT',
    default: 'none',
    meaning: 'For test suites only, with the test hooks: the fault point at which the process kills itself.',
  },
]

/** The value of a key, or undefined when it is unset or empty. */
export function config(key: (typeof CONFIG)[number]['key']): string | undefined {
  const value = process.env[key]
  return value === undefined || value === '' ? undefined : value
}
