/** `slipway features` in the table of commands. */
import { flagsOf, SERVER_FLAGS, type Command } from '../invocation/command.ts'
import { FILE_FLAG } from '../invocation/project-flags.ts'

export const FEATURES_COMMANDS: readonly Command[] = [
  {
    name: 'features',
    summary:
      'Apply, list, show and compare feature views and services; join a table with features as of its times; materialise, push, read and serve them; import those of Feast',
    usage:
      '[list | apply [DIR] | show NAME[@VERSION] | diff [DIR] | diff NAME FROM [TO] | join ENTITIES | materialise [VIEW...] | push VIEW FILE | read SERVICE [KEY=VALUE...] | serve SERVICE | import feast REPO | jobs [JOB] | cancel JOB]',
    example: 'slipway features join trips.csv --service eta --output training.parquet',
    flags: [
      ...SERVER_FLAGS,
      FILE_FLAG,
      ...flagsOf({
        'project NAME': 'The project (default: that of slipway.yaml in this folder, else that of the token).',
        'dry-run': 'With `apply`: change nothing and say what would change.',
        'kind KIND': 'With `show` and `diff`: view, service, entity or on_demand, where two have one name.',
        'service NAME[@VERSION]': 'With `join`: the service whose features are joined.',
        'at TIME': 'With `read`: as they were then, from the sources of the views.',
        'time COLUMN':
          'With `join`: the column of the time that each row asks for (default event_timestamp). With `read --entities`: as they were at the time of each row.',
        'into DATASET': 'With `join`: the data set that gets the result (default SERVICE_training).',
        'include-late-data': 'With `join`: rows that became known after the time count too, as in Feast.',
        'output FILE': 'With `join`: bring the result here, a Parquet file; with `import`: write the sections here.',
        'endpoint ENDPOINT': 'With `serve`: the endpoint that fills what requests leave out.',
        'model-version VERSION':
          'With `serve`: for this version of the model alone (default all that have none of their own).',
        'python PATH': 'With `import`: the Python that has Feast (default python3).',
        force: 'With `join --output`: write over a file that is there.',
        all: 'With `materialise`: every view that has a source.',
        'until TIME': 'With `materialise`: leave out what happened, or became known, later (default now).',
        'entities FILE': 'With `read`: entities from a file, CSV or JSON, or - for standard input.',
        'on-expired RULE':
          'With `read`: null, value or refuse, for what is older than its ttl (default that of the service).',
        'limit N': 'With `jobs`: so many at most (default 100).',
      }),
    ],
    load: () => import('./features.ts'),
  },
]
