/** Steps that all layers of this machine confine. */
import { confinedCases, LAYERS } from './confined.cases.ts'

confinedCases(LAYERS)
