/** The table of commands; each is loaded only when it is run. */
import { CI_FLAGS } from './ci/flags.ts'
import { DATA_FLAGS } from './data/flags.ts'
import { FEATURES_COMMANDS } from './features/flags.ts'
import { LLM_COMMANDS } from './llm/flags.ts'
import { IMAGE_FLAGS } from './image/flags.ts'
import { flagsOf, SERVER_FLAGS } from './invocation/command.ts'
import type { Command } from './invocation/command.ts'
import { MODELS_FLAGS } from './registry/models-flags.ts'
import { DAG_FLAGS } from './project/dag-flags.ts'
import { SERVE_FLAGS } from './operation/serve-flags.ts'
import { FILE_FLAG, MERGE_FLAG, PRIORITY_FLAG, PROJECT_FLAGS } from './invocation/project-flags.ts'
import { LINE_COMMANDS } from './operation/line-commands.ts'
import { LOOK_COMMANDS } from './operation/look-commands.ts'
import { PACKAGE_FLAGS } from './project/package-flags.ts'
import { SERIES_COMMANDS } from './project/series/commands.ts'

export const COMMANDS: readonly Command[] = [
  {
    name: 'serve',
    summary: 'Run the server: API, MLflow protocol, web UI and prediction gateway',
    usage: '',
    example: 'slipway serve --data ./slipway-data',
    flags: SERVE_FLAGS,
    load: () => import('./operation/serve.ts'),
  },
  {
    name: 'demo',
    summary:
      'See it all on real flights: ship, canary, drift, retraining, crash, proof; or language models on a real small one',
    usage: '[llm]',
    example: 'slipway demo llm',
    flags: flagsOf({
      'data DIR': 'Data folder (default a fresh one under .slipway/demo).',
      'acts N': 'Play the first N acts only (default all).',
      'no-keep': 'Stop the server at the end.',
    }),
    load: () => import('./demo/demo.ts'),
  },
  {
    name: 'init',
    summary: 'Write a project file for a folder of Python code',
    usage: '[FOLDER]',
    example: 'slipway init my-model',
    flags: [],
    load: () => import('./project/init.ts'),
  },
  {
    name: 'package',
    summary: 'Make a tested package of a notebook or script, with a proof that it computes the same',
    usage: 'NOTEBOOK.ipynb|SCRIPT.py',
    example: 'slipway package explore_v3_FINAL.ipynb --out churn',
    flags: PACKAGE_FLAGS,
    load: () => import('./project/package.ts'),
  },
  {
    name: 'run',
    summary: "Run a project's pipeline; what did not change comes from the cache",
    usage: '[FOLDER]',
    example: 'slipway run examples/flights --param train.seed=1',
    flags: [...PROJECT_FLAGS, PRIORITY_FLAG, MERGE_FLAG],
    load: () => import('./project/run.ts'),
  },
  {
    name: 'plan',
    summary: 'Say what a run would do: what comes from the cache, what runs and why, and how long',
    usage: '[FOLDER]',
    example: 'slipway plan examples/flights --param train.seed=1',
    flags: PROJECT_FLAGS,
    load: () => import('./project/plan.ts'),
  },
  ...SERIES_COMMANDS,
  {
    name: 'data',
    summary: 'List, show, add, bring here, compare and remove data sets; each content is a version',
    usage:
      '[list | show NAME[@VERSION] | add NAME [PATH] | get NAME[@VERSION] | diff NAME@VERSION NAME@VERSION | remove NAME@VERSION]',
    example: 'slipway data diff flights@1 flights@2 --key flight_id',
    flags: DATA_FLAGS,
    load: () => import('./data/data.ts'),
  },
  ...FEATURES_COMMANDS,
  ...LLM_COMMANDS,
  {
    name: 'ship',
    summary: 'Run the pipeline and take the accepted model to its endpoint',
    usage: '[FOLDER]',
    example: 'slipway ship examples/flights',
    flags: [
      ...PROJECT_FLAGS,
      PRIORITY_FLAG,
      MERGE_FLAG,
      ...flagsOf({
        registered: 'Run nothing: take to its endpoint what the run of the commit that is checked out has registered.',
      }),
    ],
    load: () => import('./project/ship.ts'),
  },
  {
    name: 'validate',
    summary: 'Check a project file and its code: every fault with its line, without a server',
    usage: '[FILE|FOLDER]',
    example: 'slipway validate my-model/slipway.yaml',
    flags: [FILE_FLAG],
    load: () => import('./project/validate.ts'),
  },
  {
    name: 'dag',
    summary:
      'Write a pipeline as a DAG of another scheduler, whose tasks run its steps with cache and lineage here; or begin a project from a DAG of Airflow or Kubeflow',
    usage: 'airflow|kubeflow|argo|github|step-functions|sagemaker|azure|data-factory [FOLDER] | import FILE',
    example: 'slipway dag airflow my-model --out dags/my_model.py',
    flags: DAG_FLAGS,
    load: () => import('./project/dag.ts'),
  },
  {
    name: 'cancel',
    summary: 'End a pipeline run, and wait until it has ended',
    usage: 'RUN',
    example: 'slipway cancel pr_01m2',
    flags: SERVER_FLAGS,
    load: () => import('./project/cancel.ts'),
  },
  {
    name: 'retry',
    summary: 'Run again what failed or was cancelled in a run; what succeeded is taken over',
    usage: 'RUN [--from-start]',
    example: 'slipway retry pr_01m2',
    flags: [...SERVER_FLAGS, { name: 'from-start', meaning: 'Begin steps anew, and not from what they kept.' }],
    load: () => import('./project/retry.ts'),
  },
  {
    name: 'explain',
    summary: 'Say why a step ran or was taken from the cache',
    usage: 'RUN [STEP]',
    example: 'slipway explain run_01m2 train',
    flags: SERVER_FLAGS,
    load: () => import('./project/explain.ts'),
  },
  {
    name: 'ci',
    summary:
      'Write a workflow of a CI system; say which jobs are trusted and give them tokens; tell GitHub, GitLab or files what a change did to the model',
    usage: 'init github|gitlab|jenkins [FOLDER] | trust [list] | trust add|remove NAME | token [TRUST] | report RUN',
    example: 'slipway ci report slipway-run.json --out slipway-report',
    flags: CI_FLAGS,
    load: () => import('./ci/ci.ts'),
  },
  {
    name: 'runs',
    summary: 'List pipeline runs, show one with its steps, or search tracked runs by a filter or a saved search',
    usage: '[RUN]',
    example: "slipway runs --filter 'min(metrics.loss) < 0.1' --column metrics.loss",
    flags: [
      ...SERVER_FLAGS,
      ...flagsOf({
        'filter TEXT': 'Search tracked runs; docs/guides/search.md tells the grammar.',
        'order-by CLAUSE ...': 'Order of the search, for example "metrics.loss ASC".',
        'column NAME ...': 'A further column, for example metrics.loss.',
        'experiment ID ...': 'Only runs of this experiment.',
        'limit N': 'Rows of the search at most (default 50).',
        'search NAME': 'Run a saved search.',
        'save NAME': 'Keep the filter, order and columns under a name.',
        searches: 'List the saved searches.',
        'forget NAME': 'Forget a saved search.',
      }),
    ],
    load: () => import('./tracking/runs.ts'),
  },
  {
    name: 'items',
    summary: 'List the items of a step that runs for each of a list, and how they stand',
    usage: 'RUN STEP',
    example: 'slipway items run_01m2 fit --state failed',
    flags: [...SERVER_FLAGS, ...flagsOf({ 'state STATE': 'Only items in this state, for example failed.' })],
    load: () => import('./project/steps/items.ts'),
  },
  ...LINE_COMMANDS,
  {
    name: 'logs',
    summary: "Print a step's log",
    usage: 'RUN STEP',
    example: 'slipway logs run_01m2 train --follow',
    flags: [
      ...SERVER_FLAGS,
      ...flagsOf({
        follow: 'Go on printing until the step ends.',
        'item NUMBER': 'Of a step with for_each: the log of this item.',
      }),
    ],
    load: () => import('./project/steps/logs.ts'),
  },
  {
    name: 'models',
    summary:
      'List models, versions and gates; what aliases named at a time; approve, scan, sign, verify; set policies and gates',
    usage: '[MODEL [VERSION] | at TIME | approve|scan|sign|verify MODEL/VERSION | policy|gates MODEL]',
    example: 'slipway models at 2026-05-03T10:00Z',
    flags: MODELS_FLAGS,
    load: () => import('./registry/models.ts'),
  },
  {
    name: 'image',
    summary:
      'Build an OCI image of a model or of a project’s steps without a daemon; move, sign, verify, scan, promote, look at and compare images',
    usage:
      '[build [MODEL|FOLDER] | dockerfile [FOLDER] | inspect|sbom|scan|sign|verify|record IMAGE | push|pull|copy|diff IMAGE IMAGE | promote IMAGE|MODEL[@DIGEST] | environments [MODEL | set NAME | remove NAME]]',
    example: 'slipway image build flight-delay@production --out layout:image',
    flags: IMAGE_FLAGS,
    load: () => import('./image/image.ts'),
  },
  {
    name: 'endpoints',
    summary: 'List endpoints with their variants, or show one with its rollouts',
    usage: '[ENDPOINT]',
    example: 'slipway endpoints flight-delay',
    flags: SERVER_FLAGS,
    load: () => import('./endpoint/endpoints.ts'),
  },
  {
    name: 'predict',
    summary: 'Ask an endpoint for a prediction',
    usage: 'ENDPOINT INPUTS',
    example: `slipway predict iris '{"sepal_length": 5.1, "sepal_width": 3.5}'`,
    flags: SERVER_FLAGS,
    load: () => import('./endpoint/predict.ts'),
  },
  {
    name: 'batch-predict',
    summary:
      'Score a table with a version, on the machine of the data folder; what was killed goes on when started again',
    usage: 'MODEL INPUT OUTPUT',
    example: 'slipway batch-predict flight-delay@production flights.parquet scored.parquet',
    flags: [
      ...SERVER_FLAGS,
      ...flagsOf({
        'chunk ROWS': 'Rows that are scored and kept together (default 10000).',
        'on-error RULE': 'stop (default), or skip: rows that fail get an error column.',
        'work DIR': 'Folder of what is done so far (default OUTPUT.batch).',
        restart: 'Forget what is done so far, and replace a result that is there.',
      }),
    ],
    load: () => import('./endpoint/batch-predict.ts'),
  },
  {
    name: 'rollout',
    summary: "Play a rollout's plan through before it is used, or steer the rollout that is under way on an endpoint",
    usage: 'simulate PROJECT-FILE | approve|resume|promote|abort ENDPOINT',
    example: 'slipway rollout approve flight-delay --reason "looks right"',
    flags: [
      ...SERVER_FLAGS,
      ...flagsOf({
        'traffic KIND': 'recorded (the prediction log and labels) or synthetic (default).',
        'endpoint NAME': 'Endpoint whose traffic is read (default: the one of the file).',
        'candidate VERSION': 'With `simulate`: a recorded shadow that is played too; else: the version that is meant.',
        'runs N': 'Rollouts a line (default 100).',
        'rows N': 'Rows of a rollout at most (default 10000).',
        'label-delay N': 'Rows after which a label is known (default 200).',
        'seed N': 'Seed of the simulation (default 1).',
        'reason TEXT': 'Why, for the audit trail; needed to steer.',
        'override-freeze': 'Go forward although the endpoint is frozen; audited.',
      }),
    ],
    load: () => import('./endpoint/rollout.ts'),
  },
  {
    name: 'freeze',
    summary: 'List what is frozen now, freeze an endpoint by hand, or lift that',
    usage: '[list | add ENDPOINT | remove ENDPOINT]',
    example: 'slipway freeze add flight-delay --reason "end of quarter" --until 2026-07-01T08:00Z',
    flags: [
      ...SERVER_FLAGS,
      ...flagsOf({
        'reason TEXT': 'With `add`: why; everyone who is held up reads it.',
        'until TIME': 'With `add`: when it ends by itself (default: when it is lifted).',
      }),
    ],
    load: () => import('./endpoint/freeze.ts'),
  },
  {
    name: 'deploy',
    summary: 'Make a version the stable one of an endpoint at once, without a rollout',
    usage: 'ENDPOINT|MODEL VERSION',
    example: 'slipway deploy flight-delay 3',
    flags: [
      ...SERVER_FLAGS,
      ...flagsOf({
        'endpoint NAME': 'Deploy a version of MODEL here; the endpoint is made where there is none.',
        'project NAME': 'With --endpoint: the project of the model (default: default).',
        'reason TEXT': 'Why, for the audit trail; needed with an override.',
        'override-freeze': 'Deploy although the endpoint is frozen; audited.',
        'override-gates':
          'Deploy although gates of its model do not hold; by an admin; shown while the version answers.',
      }),
    ],
    load: () => import('./endpoint/deploy.ts'),
  },
  {
    name: 'rollback',
    summary: 'Return an endpoint to its previous version at once',
    usage: 'ENDPOINT',
    example: 'slipway rollback flight-delay --reason "complaints from the desk"',
    flags: [...SERVER_FLAGS, ...flagsOf({ 'reason TEXT': 'Why, for the audit trail.' })],
    load: () => import('./endpoint/rollback.ts'),
  },
  {
    name: 'incidents',
    summary: 'List incidents, or show one with its causes and actions',
    usage: '[INCIDENT]',
    example: 'slipway incidents',
    flags: SERVER_FLAGS,
    load: () => import('./endpoint/incidents.ts'),
  },
  {
    name: 'messages',
    summary: 'Messages about incidents to the webhooks of an endpoint; ends with 1 where one takes none',
    usage: 'ENDPOINT',
    example: 'slipway messages flight-delay --state dead',
    flags: [
      ...SERVER_FLAGS,
      ...flagsOf({
        'state STATE': 'Only those that are waiting, delivered or dead (given up).',
        'resend MESSAGE': 'Send this message again, under its id.',
      }),
    ],
    load: () => import('./endpoint/messages.ts'),
  },
  {
    name: 'reproduce',
    summary: 'Make a model version, or all in production, again from raw data and grade how equal it is',
    usage: '[MODEL[@VERSION]]',
    example: 'slipway reproduce flight-delay',
    flags: [
      ...SERVER_FLAGS,
      ...flagsOf({
        all: 'Every model with a version in production, one after the other.',
        'alias NAME': 'With --all: those that have this alias instead of production.',
        'schedule CRON':
          'With --all: have the server do it by this cron, such as "0 3 * * 0"; none ends that. For admins.',
        'timezone ZONE': 'With --schedule: IANA name (default UTC).',
        'dry-run':
          'Run nothing: only say what is no longer there, or no longer as it was. Ends with 1 where something is.',
      }),
    ],
    load: () => import('./project/proof/reproduce.ts'),
  },
  {
    name: 'env',
    summary: 'Print the variables that point MLflow and other tools at the server, or a login link',
    usage: '',
    example: 'eval "$(slipway env)"',
    flags: [
      ...SERVER_FLAGS,
      ...flagsOf({
        link: 'Print a link that opens the web UI once.',
      }),
    ],
    load: () => import('./operation/env.ts'),
  },
  ...LOOK_COMMANDS,
  {
    name: 'backup',
    summary: 'Copy a data folder into one file while the server runs',
    usage: 'FILE',
    example: 'slipway backup slipway.tar',
    flags: [
      ...SERVER_FLAGS,
      ...flagsOf({
        'skip-corrupt':
          'Leave out files whose bytes are not what was stored, and go on without those that are missing; they are named.',
      }),
    ],
    load: () => import('./operation/backup.ts'),
  },
  {
    name: 'restore',
    summary: 'Make a data folder from a backup',
    usage: 'FILE',
    example: 'slipway restore slipway.tar --data ./restored',
    flags: SERVER_FLAGS,
    load: () => import('./operation/restore.ts'),
  },
  {
    name: 'export',
    summary: 'Write runs, models, traces and their files into one verified bundle',
    usage: 'FILE',
    example: 'slipway export all.tar',
    flags: [
      ...SERVER_FLAGS,
      ...flagsOf({
        'project NAME': 'Only this project.',
        'experiment ID': 'Only this experiment; without registered models.',
        'run ID': 'Only this run; without registered models.',
        'model NAME': 'Only this registered model, with the runs it was made from.',
      }),
    ],
    load: () => import('./operation/export.ts'),
  },
  {
    name: 'import',
    summary: 'Bring in a bundle, what an MLflow server or its database has, or run folders of wandb',
    usage: 'FILE | mlflow DATABASE | mlflow URL | wandb FOLDER',
    example: 'slipway import mlflow sqlite:///mlflow.db --artifacts ./mlartifacts',
    flags: [
      ...SERVER_FLAGS,
      ...flagsOf({
        'artifacts DIR': "Folder behind MLflow's artifact proxy.",
        follow: "Also take files outside wandb's run folders: links, logged artifacts.",
        'dry-run': 'Check and count, write nothing.',
      }),
    ],
    load: () => import('./operation/import.ts'),
  },
  {
    name: 'audit',
    summary: 'Read the audit trail, verify its hash chain against its checkpoints, or sign a checkpoint now',
    usage: '[verify | checkpoint]',
    example: 'slipway audit verify',
    flags: [
      ...SERVER_FLAGS,
      ...flagsOf({
        'to FILE': 'With `checkpoint`: also add the signed line to this file, kept elsewhere.',
        'against FILE': 'With `verify`: also hold the chain against the lines of this file.',
        'restored TEXT': 'With `checkpoint`: say that the database was brought back to an older state, and which.',
      }),
    ],
    load: () => import('./operation/audit.ts'),
  },
  {
    name: 'cost',
    summary: 'Tell what runs, endpoints, projects or days cost; read the rate card, or set a price',
    usage: '[endpoint | run | project | day | rates | set RESOURCE DOLLARS]',
    example: 'slipway cost run --from 2026-05-01T00:00Z',
    flags: [
      ...SERVER_FLAGS,
      ...flagsOf({
        'from TIME': 'From this time on; with `set`, when the price begins (default now).',
        'to TIME': 'Until before this time.',
        'note TEXT': 'With `set`: where the price comes from.',
      }),
    ],
    load: () => import('./operation/cost.ts'),
  },
  {
    name: 'retention',
    summary: 'List or change the rules about runs that may go; see what one would remove; apply it now',
    usage: '[add|preview|apply|remove RULE]',
    example: `slipway retention add scratch --filter "tags.scratch = 'yes'" --older-than-days 30`,
    flags: [
      ...SERVER_FLAGS,
      ...flagsOf({
        'project NAME': 'With `add`: project of the rule (default "default").',
        'experiment ID': 'With `add`: only runs of this experiment.',
        'older-than-days N': 'With `add`: days since the run ended (default 30).',
        'filter TEXT': 'With `add`: only runs that a search by this finds.',
        'keep-best N': 'With `add`: the first N of each experiment stay.',
        'by CLAUSE': 'With `keep-best`: their order, for example "metrics.auc DESC".',
        bin: 'With `add`: purge what was deleted so long ago, instead of deleting.',
      }),
    ],
    load: () => import('./operation/retention.ts'),
  },
  {
    name: 'gc',
    summary: 'Delete blobs that nothing reaches any more',
    usage: '',
    example: 'slipway gc --dry-run',
    flags: [
      ...SERVER_FLAGS,
      ...flagsOf({
        'dry-run': 'Only say what would go.',
      }),
    ],
    load: () => import('./operation/gc.ts'),
  },
  {
    name: 'diff',
    summary: 'Say what changed between two tracked runs',
    usage: 'RUN RUN',
    example: 'slipway diff 5f1c… 9ab0…',
    flags: SERVER_FLAGS,
    load: () => import('./tracking/diff.ts'),
  },
  {
    name: 'completion',
    summary: 'Print what bash, zsh or fish needs to complete commands and flags',
    usage: 'bash|zsh|fish',
    example: 'eval "$(slipway completion bash)"',
    flags: [],
    load: async () => ({
      run: async (one) => (await import('./invocation/completion.ts')).completion(one, COMMANDS),
    }),
  },
]
