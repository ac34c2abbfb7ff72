/** A viewer's worst requests on SQLite. */
import { worstRequestCases } from './worst-request.cases.ts'

worstRequestCases('SQLite')
