# frozen_string_literal: true

require_relative 'support'

class TestLeaks < DaemonTest
  ROUNDS = 2_000

  def test_thousands_of_clients_leave_nothing
    round = lambda do |number|
      client = Gossiperl.connect(**daemon.options("leak-#{number % 50}"))
      client.subscribe('leak').publish('leak', 'x')
      client.next_event
      client.close
    end
    200.times(&round)
    before = held
    ROUNDS.times(&round)
    soon do
      until (after = held) && after[0] <= before[0] && after[1] <= before[1]
        sleep 0.05
      end
    end
    # A client that stayed would be 20 kB at least: 40 MB.
    grown = held[2] - before[2]
    assert_operator grown, :<, 20_000, "kB: #{before} before, #{held} after"
  end

  private

  # Threads, descriptors, and resident kB of this process.
  def held
    GC.start
    resident = File.read('/proc/self/status')[/^VmRSS:\s+(\d+)/, 1].to_i
    [Dir.children('/proc/self/task').size, Dir.children('/proc/self/fd').size, resident]
  end
end
