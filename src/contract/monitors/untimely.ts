/** Parts of the view of a monitor: its limits, and the rows that did not come in time. */
import { z } from 'zod'

/** The limit of a check of a feature in windows of a length. */
export const CheckLimit = z.object({
  feature: z.string(),
  check: z.string(),
  window_hours: z.number().int().describe('each length of windows has limits of its own'),
  limit: z.number(),
  largest_clean: z.number().nullable().describe('largest value in clean windows of that length'),
})

/** Rows so far that did not come in time. */
export const UntimelyRows = z
  .object({
    late: z.number().int().describe('rows that came after their hour was judged: it was judged again, or will be'),
    too_late: z.number().int().describe('rows that came too late for that, or after another reference was taken up'),
    ahead: z.number().int().describe('rows whose event time was more than an hour ahead of the clock'),
  })
  .describe('rows so far that did not come in time')
