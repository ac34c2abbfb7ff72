/** What every part of the transfer room works with. */
import type { Tracking } from '../../tracking/context/context.ts'

export type Transfer = Pick<Tracking, 'db' | 'blobs' | 'clock' | 'random' | 'record'>
