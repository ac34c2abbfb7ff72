/** The pages of monitors, incidents, cost and settings in a real browser. */
import { pageCases } from './pages.cases.ts'

pageCases([
  ['monitors', '/monitoring', ['flight-delay', '2013-09-15 23:00 UTC']],
  [
    'monitoring',
    '/monitoring/flight-delay?feature=temp',
    [
      'Features over time',
      'hatched: not enough data',
      'Feature temp',
      'ROC AUC',
      'carrier = HA',
      'not enough data',
      '2,911 explained rows in the baseline, NDCG of the ranking 0.912',
      'alert, not paged',
    ],
  ],
  ['incidents', '/incidents', ['Temperature and dew point arrive in °C', 'not paged', 'runs only']],
  [
    'incident',
    '/incidents/inc_1',
    ['unit changed °F → °C, temp and dewp', '4,182 rows (8.3 %)', 'Mark the rows bad', 'temp and dewp began to differ'],
  ],
  [
    'incident-search',
    '/incidents/inc_3',
    ['a watched search found runs', 'Matching runs', 'at most 0 runs allowed', 'monitor of flight-delay'],
  ],
  ['cost', '/cost', ['Total', 'vCPU hour']],
  [
    'settings',
    '/settings',
    ['deploy robot', 'Verify the chain', 'sqlite', 'repo:octo/models:ref:refs/heads/main', 'Trust a machine'],
  ],
])
