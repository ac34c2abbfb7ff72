/** Rows that come late, on SQLite. */
import { openTemporaryStore } from '../../store/open.ts'
import { lateCases } from './late.cases.ts'

lateCases('SQLite', openTemporaryStore)
