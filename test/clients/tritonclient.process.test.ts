/** The unmodified client of Triton against a gateway of echo models, over HTTP and gRPC. */
import { clientCase } from './client.cases.ts'
import { TRITON_CLIENT } from './packages.ts'

clientCase({ name: 'tritonclient', script: 'triton_client.py', packages: TRITON_CLIENT, checks: 60 })
