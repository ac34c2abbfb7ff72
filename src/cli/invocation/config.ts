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
    key: 'SLIPWAY_SIGNING_KEY',
    default: 'none: nothing is attested',
    meaning: 'Private key in PEM by which the server attests reproductions, when --signing-key is not given.',
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
    meaning:
      'Private hosts that webhooks and declared sources may reach, with `:port` where it counts, separated by commas.',
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
    key: 'SLIPWAY_LLM_CALLS_DAYS',
    default: 'for ever',
    meaning: 'Rows of calls of language models go after so many days; what they cost stays in the ledger.',
  },
  {
    key: 'SLIPWAY_LLM_CONTENT_DAYS',
    default: 'as long as the call',
    meaning:
      'Request and answer of a call of a language model go after so many days; those in its trace stay as long as the trace.',
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
    key: 'SLIPWAY_MACHINE_AWAY_MINUTES',
    default: '15',
    meaning:
      'With several servers on one PostgreSQL: steps of a machine whose server was not heard of for so long end, and begin anew on another.',
  },
  {
    key: 'SLIPWAY_RAY_URL',
    default: 'none',
    meaning: 'Head of a Ray cluster on which steps may run (`on: ray`), for example http://ray-head:8265.',
  },
  {
    key: 'SLIPWAY_RAY_TOKEN',
    default: 'none',
    meaning: 'Token of that cluster, where it runs with RAY_AUTH_MODE=token.',
  },
  {
    key: 'SLIPWAY_KUBECONFIG',
    default: 'none',
    meaning:
      'Kubernetes cluster on which steps may run (`on: kubernetes`): a kubeconfig file, or in-cluster for the service account of the server’s pod.',
  },
  {
    key: 'SLIPWAY_KUBERNETES_CONTEXT',
    default: 'the current one of the file',
    meaning: 'Context of that kubeconfig.',
  },
  {
    key: 'SLIPWAY_KUBERNETES_NAMESPACE',
    default: 'that of the context, of the service account, or default',
    meaning: 'Namespace of the Jobs.',
  },
  {
    key: 'SLIPWAY_KUBERNETES_SERVICE_ACCOUNT',
    default: 'that of the namespace',
    meaning: 'Service account of the pods; its token is not mounted.',
  },
  {
    key: 'SLIPWAY_KUBERNETES_QUEUE',
    default: 'none',
    meaning: 'Local queue of Kueue; Jobs then begin suspended.',
  },
  {
    key: 'SLIPWAY_KUBERNETES_IMAGE',
    default: 'python:{python}-slim',
    meaning: 'Image of steps that name none; {python} is the exact version of their lock.',
  },
  {
    key: 'SLIPWAY_KUBERNETES_PROJECTS',
    default: 'none',
    meaning:
      'What differs for single projects: project=namespace[/service-account[/queue]], several by commas; an empty part is that of all.',
  },
  {
    key: 'SLIPWAY_SLURM_URL',
    default: 'none',
    meaning: 'slurmrestd of a Slurm cluster on which steps may run (`on: slurm`), for example http://slurm:6820.',
  },
  {
    key: 'SLIPWAY_SLURM_USER',
    default: 'that of the server’s process',
    meaning: 'User of Slurm to whom the token belongs; all jobs are theirs.',
  },
  {
    key: 'SLIPWAY_SLURM_TOKEN',
    default: 'none',
    meaning: 'JSON Web Token of that user, as `scontrol token` makes it.',
  },
  {
    key: 'SLIPWAY_SLURM_TOKEN_FILE',
    default: 'none',
    meaning: 'File with that token instead, read anew for each question, for tokens expire.',
  },
  {
    key: 'SLIPWAY_SLURM_PARTITION',
    default: 'that of the cluster',
    meaning: 'Partition of the jobs.',
  },
  {
    key: 'SLIPWAY_SLURM_ACCOUNT',
    default: 'that of the user',
    meaning: 'Account of the jobs.',
  },
  {
    key: 'SLIPWAY_SLURM_QOS',
    default: 'that of the user',
    meaning: 'Quality of service of the jobs.',
  },
  {
    key: 'SLIPWAY_SLURM_CONSTRAINT',
    default: 'none',
    meaning: 'Features that their nodes must have, as `--constraint` of sbatch.',
  },
  {
    key: 'SLIPWAY_SLURM_TIME_LIMIT',
    default: 'that of the partition',
    meaning: 'Time limit in minutes of a step that has no timeout; one that has gets half an hour more than that.',
  },
  {
    key: 'SLIPWAY_SLURM_FOLDER',
    default: '/tmp',
    meaning: 'Folder of the nodes in which jobs start; they write nothing into it.',
  },
  {
    key: 'SLIPWAY_SLURM_CACHE',
    default: '~/.cache/slipway-node',
    meaning: 'Folder of the nodes that is kept between attempts.',
  },
  {
    key: 'SLIPWAY_SLURM_PATH',
    default: '/usr/local/bin:/usr/bin:/bin',
    meaning: '`PATH` of the jobs: `python3` must be on it, and `uv` may be.',
  },
  {
    key: 'SLIPWAY_NODE_URL',
    default: 'the address that the server listens on',
    meaning: 'Address at which machines of a cluster reach the server; requests may name its host.',
  },
  {
    key: 'SLIPWAY_PREEMPTION_NOTICE',
    default: 'none',
    meaning:
      'What tells that a machine with steps is taken away: ec2, gce or azure (their address for their own machines is asked), or file:/PATH (a file that appears). A node may set it for itself.',
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
    key: 'SLIPWAY_SOURCE_FOLDERS',
    default: 'none',
    meaning:
      'Folders of this machine from which project files may declare sources; absolute paths, separated by a colon.',
  },
  {
    key: 'SLIPWAY_OFFLINE',
    default: 'off',
    meaning: '1 makes environments from the cache alone, without the network.',
  },
  {
    key: 'SLIPWAY_PYTHON',
    default: 'python3',
    meaning: 'Python that environments are made from, and that loads a pipeline written in Python.',
  },
  {
    key: 'SLIPWAY_PIPELINE_FILE_SECONDS',
    default: '30',
    meaning: 'Longest time that a file which writes a pipeline may take to load.',
  },
  {
    key: 'SLIPWAY_DEBIAN_MIRROR',
    default: 'https://deb.debian.org',
    meaning:
      'Where `slipway image build` gets the packages of its default base, which are pinned by hash; its address may be private, and have a password.',
  },
  {
    key: 'SLIPWAY_NO_AUTH',
    default: 'off',
    meaning: 'In an image for serving: 1 lets everybody ask, in place of SLIPWAY_TOKEN.',
  },
  { key: 'SLIPWAY_HOST', default: '0.0.0.0', meaning: 'In an image for serving: the address that it listens on.' },
  {
    key: 'SLIPWAY_DRAIN_S',
    default: '5 in Kubernetes, else 0',
    meaning:
      'In an image for serving: seconds that it goes on answering after SIGTERM while it says that it is not ready.',
  },
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
