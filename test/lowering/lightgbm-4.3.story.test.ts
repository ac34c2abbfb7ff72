/** Models of LightGBM 4.3. */
import { testBoosted } from './boosted.ts'

testBoosted('lightgbm', 'older')
