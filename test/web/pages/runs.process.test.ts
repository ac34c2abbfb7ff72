/** The pages of home, runs and traces in a real browser. */
import { pageCases } from './pages.cases.ts'

pageCases([
  [
    'home',
    '/',
    [
      '6 items need attention',
      'in production is signed by a revoked key',
      'Temperature and dew point arrive in °C',
      'flight-delay',
      '2 75 %',
      'the last 20 merges to main that were promoted',
      'taken of 4',
      'Last 24 hours',
    ],
  ],
  ['runs', '/runs', ['brave-heron-0', 'log_loss', '100 loaded so far', 'Select runs to compare', 'auc by step']],
  ['run-groups', '/runs?group=params.seed', ['Runs by seed', '3 groups', 'mean, minimum and maximum']],
  [
    'run',
    '/runs/00019c1f4be27a60b3d85c14?smooth=0.6&file=calibration.csv',
    [
      'calm-kite-1',
      'Smoothing 0.60',
      'learning_rate',
      'model.skops',
      '1.76 MiB',
      'of step train in',
      'data set flights@3',
      'iteration 60',
      'step 50',
      '1,204',
    ],
  ],
  [
    'compare',
    '/runs/compare?ids=%5B%2200009c1f4be27a60b3d85c14%22%2C%2200019c1f4be27a60b3d85c14%22%2C%2200029c1f4be27a60b3d85c14%22%5D',
    [
      'Comparison of 3 runs',
      '3 params and 4 metrics differ',
      'Parallel axes',
      'Scatter',
      'A contour needs 4 runs with all three values; 3 have them.',
    ],
  ],
  ['traces', '/traces', ['answer a passenger', 'error', 'will UA 221 be late?', 'correct true']],
  [
    'trace',
    '/traces/tr-1',
    [
      'answer a passenger',
      'look up the flight',
      '412 ms',
      'KeyError',
      'correct',
      'the gate had changed',
      '1,204 tokens',
    ],
  ],
])
