/** Where steps stand in line. */
import { z } from 'zod'
import { MOST_PRIORITY } from './priority-range.ts'

/** A run with more points has its steps further ahead; 0 where nothing is said. */
export const Priority = z
  .number()
  .int()
  .min(-MOST_PRIORITY)
  .max(MOST_PRIORITY)
  .describe('where its steps stand in line: a point is worth ten minutes of waiting; above 0 a maintainer has to ask')
