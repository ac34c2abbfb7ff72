/** Checkpoints of the audit chain on SQLite. */
import { checkpointCases } from './audit-checkpoints.cases.ts'

checkpointCases('SQLite and disk')
