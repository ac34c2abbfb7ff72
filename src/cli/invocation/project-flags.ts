/** Flags that commands of projects share. */
import { flagsOf, SERVER_FLAGS, type Flag } from './command.ts'

/** Of commands that read a project. */
export const FILE_FLAG: Flag = {
  name: 'file',
  value: 'NAME',
  meaning:
    'Project file in the folder: YAML, or a program of Python or TypeScript (default slipway.yaml, slipway_pipeline.py or slipway_pipeline.ts).',
}

/** Of commands that send a project. */
export const PROJECT_FLAGS: readonly Flag[] = [
  ...SERVER_FLAGS,
  FILE_FLAG,
  ...flagsOf({
    'param STEP.PARAM=VALUE ...': 'Set a declared param for this run.',
    'set PARAM=VALUE ...': 'Set a param of the pipeline for this run.',
    'from STEP': 'Run this step and those after it, cached or not.',
    force: 'Take nothing from the cache.',
    strict: 'Fail a step that reads what its cache key does not hold.',
    'partition KEY': 'The partition that the run is of; default the newest that has ended.',
    'on DRIVER': 'Where the steps run: local, ray, kubernetes or slurm.',
  }),
]

/** Of commands that start a run at once. */
export const PRIORITY_FLAG: Flag = {
  name: 'priority',
  value: 'N',
  meaning: 'Where its steps stand in line, from -10 to 10; above 0 a maintainer has to ask.',
}

/** Of commands that start a run of a merge. */
export const MERGE_FLAG: Flag = {
  name: 'merge',
  meaning: 'In a job of the main branch: measure the time from the commit that is checked out to its promotion.',
}
