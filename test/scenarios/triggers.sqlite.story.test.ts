/** Triggers on SQLite. */
import { triggerCases } from './triggers.cases.ts'

triggerCases('SQLite', 'stories')
