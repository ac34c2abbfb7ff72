/** A backup brings the endpoints back, with PostgreSQL and files in S3. */
import { restoredCases } from './endpoints-restored.cases.ts'

restoredCases('PostgreSQL and S3')
