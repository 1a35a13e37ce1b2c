namespace AudioToken.Bench;

/// <summary>What a peer took for a case, or for the part of it that the peer has.</summary>
/// <param name="Seconds">Of the fastest of its ways; null on a device that is counted only.</param>
/// <param name="Does">In words: what it did, and what of the case it did not.</param>
public sealed record PeerMeasurement(Spread? Seconds, string Does);
