import assert from 'node:assert/strict'
import { test } from 'node:test'
import { progressBar } from './progress-bar.ts'

test('the bar is as dockerd draws it', () => {
  assert.equal(progressBar(39936, 1982347), '[=>                                                 ]  39.94kB/1.982MB')
  assert.equal(progressBar(1645568, 1982347), `[${'='.repeat(41)}>${' '.repeat(9)}]  1.646MB/1.982MB`)
  assert.equal(progressBar(1996800, 1982347), `[${'='.repeat(50)}>]  1.997MB`)
  assert.equal(progressBar(12, 0), '     12B')
  assert.equal(progressBar(0, 0), '')
})
