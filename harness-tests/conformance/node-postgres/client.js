// A client around node-postgres: one line in (`transaction ID` or `autocommit ID`), one row written, one line out (`ok` or
// `error CODE`). A connection that broke goes out of the pool.

import { createInterface } from 'node:readline'
import pg from 'pg'

const INSERT = 'insert into charges (id) values ($1)'

const pool = new pg.Pool({ connectionString: process.argv[2], max: 2 })
// A connection may end while it is asked for nothing. Nobody waits for that, and without a listener it ends the process.
pool.on('error', () => {})
pool.on('connect', client => client.on('error', () => {}))

const manners = {
  autocommit: id => pool.query(INSERT, [id]),
  async transaction(id) {
    const client = await pool.connect()
    try {
      await client.query('begin')
      await client.query(INSERT, [id])
      await client.query('commit')
      client.release()
    } catch (error) {
      client.release(error)
      throw error
    }
  },
}

for await (const line of createInterface({ input: process.stdin })) {
  const [manner, id] = line.split(' ')
  try {
    await manners[manner](id)
    console.log('ok')
  } catch (error) {
    console.log(`error ${error.code ?? error.message}`)
  }
}
await pool.end()
