/** A backup brings the endpoints back, with SQLite and files on disk. */
import { restoredCases } from './endpoints-restored.cases.ts'

restoredCases('SQLite and disk')
