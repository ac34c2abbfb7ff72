/** A workflow of GitHub Actions: one job a step. */
import { stringify } from 'yaml'
import { commonNotes, END, type Dag, type Laid } from './laid.ts'
import { fiveFields } from './schedule.ts'

export function githubDag(laid: Laid): Dag {
  const { project, version, url, tasks, last, program } = laid
  const schedule = laid.spec.schedule ?? null
  const cron = fiveFields(laid.spec)
  const job = (step: string, needs: readonly string[]): object => ({
    name: step === '' ? 'end of the run' : step,
    ...(needs.length > 0 && { needs: [...needs] }),
    'runs-on': 'ubuntu-latest',
    // what is skipped is decided by Slipway; a job may run for as long as GitHub lets it
    'timeout-minutes': 360,
    steps: [
      {
        name: step === '' ? 'Wait for the end of the run' : `Run ${step}`,
        run: `exec python3 -c "$SLIPWAY_PROGRAM" ${[version, step].filter((word) => word !== '').join(' ')}`,
      },
    ],
  })
  const workflow = {
    name: `slipway ${project}`,
    on: {
      workflow_dispatch: { inputs: { params: { description: 'JSON of params of the pipeline', default: '{}' } } },
      ...(cron !== undefined && { schedule: [{ cron }] }),
    },
    permissions: { contents: 'none' },
    concurrency: { group: `slipway-${project}` },
    env: {
      SLIPWAY_URL: url,
      SLIPWAY_TOKEN: '${{ secrets.SLIPWAY_TOKEN }}',
      SLIPWAY_RUN: 'github ${{ github.repository }} ${{ github.run_id }}',
      SLIPWAY_PARAMS: "${{ inputs.params || '{}' }}",
      SLIPWAY_SKIPPED: '0',
      SLIPWAY_PROGRAM: program,
    },
    jobs: {
      ...Object.fromEntries(tasks.map(({ id, step, needs }) => [id, job(step, needs)])),
      [END]: job('', last),
    },
  }
  return {
    file: `slipway-${project}.yml`,
    text: stringify(workflow, { lineWidth: 0 }),
    notes: [
      'Put it into .github/workflows, and the token into the secret SLIPWAY_TOKEN of the repository.',
      'Steps run on the machines of GitHub, which must reach the server.',
      ...(schedule !== null && schedule.timezone !== 'UTC'
        ? [`GitHub knows schedules in UTC alone; the project file has it in ${schedule.timezone}.`]
        : []),
      ...commonNotes(laid),
    ],
  }
}
