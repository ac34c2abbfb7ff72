/** Runs that nothing moves on, with a driver without processes and a tracking that remembers: for what starts and ends attempts. */
import type { TestContext } from 'node:test'
import type { PipelinesDeps, StepTracking } from '../context/deps.ts'
import { memoryDriver, type MemoryDriver } from '../drivers/memory.fixture.ts'
import { LOCK, openIdle, type Idle } from './idle.fixture.ts'

type Created = Parameters<StepTracking['createRun']>[0]

export interface Server extends Idle {
  readonly driver: MemoryDriver
  readonly created: Created[]
  /** Ends of tracking runs, as `STATUS RUN`. */
  readonly finished: string[]
  readonly logged: Parameters<StepTracking['logMetrics']>[]
  readonly errors: unknown[]
  /** What the run said while its environment was built. */
  readonly said: (string | undefined)[]
}

/** Opens one; `changes` replaces what it is given. */
export async function serve(t: TestContext, changes: Partial<PipelinesDeps> = {}): Promise<Server> {
  const driver = memoryDriver()
  const created: Created[] = []
  const finished: string[] = []
  const logged: Server['logged'] = []
  const errors: unknown[] = []
  const said: (string | undefined)[] = []
  const tracking = {
    createRun: (request: Created) => Promise.resolve(void created.push(request)),
    finishRun: (run: string, status: string) => Promise.resolve(void finished.push(`${status} ${run}`)),
    logMetrics: (...call: Server['logged'][number]) => Promise.resolve(void logged.push(call)),
  } as unknown as StepTracking
  const envs = {
    lock: () => Promise.resolve(LOCK),
    python: (digest: string, say: (line: string) => void) => {
      say('numpy')
      return Promise.resolve(`/envs/${digest}/python`)
    },
  } as unknown as PipelinesDeps['envs']
  const idle = await openIdle(t, {
    driver,
    tracking,
    envs,
    endAccess: async () => () => undefined,
    stepAccess: (project) => Promise.resolve({ uri: `http://server/${project}`, token: 'slw_token' }),
    random: () => 0,
    onError: (error) => errors.push(error),
    changed: (run) => said.push(idle.context.doing(run)),
    ...changes,
  })
  return { ...idle, driver, created, finished, logged, errors, said }
}
