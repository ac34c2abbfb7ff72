/** Checkpoints of the audit chain on PostgreSQL, with blobs in S3. */
import { checkpointCases } from './audit-checkpoints.cases.ts'

checkpointCases('PostgreSQL and S3')
