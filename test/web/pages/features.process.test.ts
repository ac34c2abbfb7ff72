/** The pages of features in a real browser. */
import { pageCases } from './pages.cases.ts'

/** Of the customer that the fixture answers for. */
const ENTITY = encodeURIComponent(JSON.stringify({ customer_id: '1001', origin: 'JFK', fare: '214.5' }))

pageCases([
  [
    'features',
    '/features',
    [
      '11 features in 4 views, read by 2 services',
      'what a customer flew',
      'trips@latest',
      '400 d',
      'by its pushes alone',
      'last done',
      'failed',
    ],
  ],
  ['feature-services', '/features?show=services', ['what the model of customers who do not come reads', 'fare']],
  ['features-on-demand', '/features?show=on-demand', ['request:fare', 'how much of a week this fare is']],
  ['feature-entities', '/features?show=entities', ['customer_id int', 'by its IATA code']],
  [
    'feature-view',
    '/features/views/customer_support',
    [
      'left join',
      'reached_us_at',
      'rows may be pushed',
      'count of rows over 30 d, step 1 d',
      'The newest materialisation of version 2 failed',
      'Source tickets has no column "mood_score"',
      '310,402',
      'Materialise',
    ],
  ],
  [
    'feature-view-older',
    '/features/views/customer_trips?version=1&against=3',
    [
      'Version 1 is shown; the newest is version 3',
      'none: a row is known when it happens',
      'sum of amount over 7 d, step 1 h',
      'What changed from version 1 to 3',
      '400 d',
      'the newest is 3',
      'Materialise version 1',
      'Cancel the materialisation',
    ],
  ],
  [
    'feature-service',
    '/features/services/no_show?against=1',
    [
      'the newest is 3',
      'airport = origin',
      'fare float',
      'name the column of the moment with "time"',
      'no_show_training@4',
      'present 13.7 % (6,628), null 4.2 % (2,011), not found 62.5 % (30,116), expired 18.8 % (9,044), late suppressed 0.9 % (411)',
      'What changed from version 1 to 2',
      'of.on_demand: fare_share',
    ],
  ],
  [
    'feature-look-up',
    `/features/look-up?service=no_show&entity=${ENTITY}`,
    [
      'no_show sees 2 of 9 values of customer_id 1001, origin JFK',
      'The others: 2 null, 3 not found, 2 expired.',
      'is 9 d old, and counts for 7 d.',
      'Nothing of customer_loyalty@1 was ever materialised or pushed.',
      'The online store has no row of this entity.',
      'The answer as JSON',
    ],
  ],
  [
    'feature-look-up-at',
    `/features/look-up?service=no_show&entity=${ENTITY}&at=${encodeURIComponent('2024-05-03 10:00')}`,
    [
      'no_show saw 6 of 9 values of customer_id 1001, origin JFK at 2024-05-03 10:00 UTC',
      'Now it sees 2; 6 differ; of 2 no history is kept.',
      'Its row of 2024-05-03 09:00 UTC became known 2024-05-03 12:00 UTC.',
      'Its rows are pushed, and none of the past is kept.',
      's3://care-data/moods/',
      'without rows that were pushed',
      '/v1/features:look-up',
    ],
  ],
  [
    'feature-view-statistics',
    '/features/views/airport_weather',
    ['of the newest rows of 398 entities (14 more have expired)', 'median 8.75', '2 NaN or infinite', '~61', '3 %'],
  ],
])
