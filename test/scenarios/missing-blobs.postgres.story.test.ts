/** Files that are gone, with PostgreSQL and files in S3. */
import { missingBlobCases } from './missing-blobs.cases.ts'

missingBlobCases('PostgreSQL and S3')
