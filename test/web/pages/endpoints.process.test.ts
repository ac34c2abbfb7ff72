/** The pages of endpoints in a real browser. */
import { pageCases } from './pages.cases.ts'

pageCases([
  [
    'endpoints',
    '/endpoints',
    ['flight-delay', 'iris', 'idle', 'Freezes', 'end of quarter', 'by the calendar of its plan', 'Freeze an endpoint'],
  ],
  [
    'endpoint',
    '/endpoints/flight-delay',
    [
      'Version 2 serves 75 % of the traffic',
      'Roll back to version 1',
      'fails at 800',
      'failed requests of both, in the same minutes',
      '2 of 5412 of stable; 1.5 times as often is allowed',
      '4.53 / 80',
      '6 gates, 1 failing',
      '1 more slice, none failing',
      'Curves of 1 more slice',
      'carrier = UA',
      '120 of 500',
      'Re-evaluate',
      'windows of 30 s, 2 requests failed',
      'Fill from the latest prediction',
      'slipway predict',
      'Error budget',
      'requests failed; the budget is',
      'Freeze',
    ],
  ],
  [
    'endpoint-comparison',
    '/endpoints/iris',
    [
      'Approve promotion',
      'end of quarter, by ada',
      'Lift the freeze',
      'Metrics by version',
      'decides',
      'Compared in parallel with version 6',
      '50 % approved by grace',
    ],
  ],
  [
    'endpoint-biased',
    '/endpoints/shop',
    [
      'the traffic split is biased',
      '1376 of 3120 users met the candidate; the plan gives it 50 %',
      'in fewer than 1 of 1,000 A/B tests',
      'This A/B test cannot be resumed',
      'weekend, by the calendar of its plan',
      '44.1 %',
    ],
  ],
])
