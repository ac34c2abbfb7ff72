/** Two faults in one incident on SQLite. */
import { openTemporaryStore } from '../../store/open.ts'
import { twoFaultCases } from './two-faults.cases.ts'

twoFaultCases('SQLite', openTemporaryStore)
