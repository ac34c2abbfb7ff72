/** The pipeline of slipway_pipeline.py, for those who write TypeScript: what a step does not have does not compile. */
import { and, pipeline } from 'slipway/pipeline'

export default pipeline(
  'readings',
  { python: { packages: [] }, schedule: { cron: '0 4 * * *' } },
  (p) => {
    const rows = p.param('rows', { type: 'int', default: 200, min: 10, max: 100_000, help: 'how many readings' })
    const noise = p.param('noise', {
      type: 'float',
      default: 0.5,
      min: 0,
      max: 10,
      help: 'standard deviation of the noise',
    })
    const made = p.step('make', { run: 'readings.make:make', params: { rows, noise }, outputs: ['table'], seed: 7 })
    const line = p.step('fit', {
      run: 'readings.fit:fit',
      inputs: { table: made.outputs.table },
      outputs: ['line'],
      timeout: '10m',
      retries: { out_of_memory: 1 },
      resources: { cpus: 1, memory: '512MiB' },
    })
    p.step('report', {
      run: 'readings.report:report',
      inputs: { table: made.outputs.table, line: line.outputs.line },
      outputs: ['page'],
      when: and(line.metric('r2').ge(0.8), noise.lt(5)),
    })
    p.step('show', {
      run: ['python', '-c', 'import sys; print(open(sys.argv[1]).read())', '{inputs.line}'],
      inputs: { line: line.outputs.line },
    })
  },
)
