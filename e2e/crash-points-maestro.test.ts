import t from 'tap'
import { dieAtEach } from '#support/die-at-each'

await dieAtEach(t, 'maestro')
