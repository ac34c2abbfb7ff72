/** Models of LightGBM 4.7. */
import { testBoosted } from './boosted.ts'

testBoosted('lightgbm', 'newest')
