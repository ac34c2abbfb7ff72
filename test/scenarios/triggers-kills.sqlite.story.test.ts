/** Triggers on SQLite whose server is killed. */
import { triggerCases } from './triggers.cases.ts'

triggerCases('SQLite', 'kills')
