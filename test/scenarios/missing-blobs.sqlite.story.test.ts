/** Files that are gone, with SQLite and files on disk. */
import { missingBlobCases } from './missing-blobs.cases.ts'

missingBlobCases('SQLite and disk')
