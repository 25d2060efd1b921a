# frozen_string_literal: true

require 'gossiperl/errors'
require 'gossiperl/native'
require 'gossiperl/options'
require 'gossiperl/digest'
require 'gossiperl/members'
require 'gossiperl/events'
require 'gossiperl/rows'
require 'gossiperl/client'

# Client of gossiperl: publish, subscribe and membership through the daemon of the host.
#
#   Gossiperl.connect(port: 6666, name: 'shop', key: 'the overlay\'s key') do |client|
#     client.subscribe 'orders'
#     client.each_delivery { |delivery| puts delivery.payload }
#   end
module Gossiperl
  # Connects, and waits for the first session. With a block, yields the client, closes it afterwards, and returns what the block returned.
  #
  # Options: see Options.
  def self.connect(**options, &block)
    Client.opened(Native.open { Native::Connection.connect(Options.lower(options)) }, options, &block)
  end

  # As ::connect without waiting: the daemon may come later. What is published waits until then.
  def self.start(**options, &block)
    Client.opened(Native.open { Native::Connection.start(Options.lower(options)) }, options, &block)
  end
end
