# frozen_string_literal: true

module Gossiperl
  # A member of the overlay.
  #
  # name::       its name, unique in the overlay.
  # kind::       :daemon, :client, or :unknown where protocol 1 does not tell.
  # state::      :reachable, :quarantine, :unreachable or :left.
  # address::    where its datagrams come from, "127.0.0.1:6666"; nil where not told.
  # rack::       the rack it stands in; nil where not told.
  # heartbeat::  Unix time in seconds at which it was last heard of.
  Member = Struct.new(:name, :kind, :state, :address, :rack, :heartbeat, keyword_init: true) do
    def reachable? = state == :reachable
    def daemon? = kind == :daemon
    def client? = kind == :client
  end
end
