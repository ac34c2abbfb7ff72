/** What the room of features works with. */
import type { Worker } from '../../jobs/worker.ts'
import type { JobsContext } from '../jobs/context.ts'

export interface FeaturesContext extends JobsContext {
  readonly worker: Worker
}
