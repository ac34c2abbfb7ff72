/** Steps that Landlock alone confines, as on a machine that lets nobody make namespaces. */
import { test } from 'node:test'
import { confinedCases, LAYERS } from './confined.cases.ts'

if (LAYERS.length > 1) confinedCases(['landlock'])
else test('confined by landlock', { skip: 'it is the only layer here, or there is none' }, () => undefined)
