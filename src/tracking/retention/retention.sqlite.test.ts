/** Retention and lost runs on SQLite. */
import { openTemporaryStore } from '../../store/open.ts'
import { lostCases } from './lost.cases.ts'
import { retentionCases } from './retention.cases.ts'

for (const cases of [retentionCases, lostCases]) cases('SQLite', openTemporaryStore)
