/** Two faults in one incident on a real PostgreSQL. */
import { migratedPostgres } from '../../../test/databases.ts'
import { twoFaultCases } from './two-faults.cases.ts'

twoFaultCases('PostgreSQL', migratedPostgres)
