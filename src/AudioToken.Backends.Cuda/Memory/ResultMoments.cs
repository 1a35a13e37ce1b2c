namespace AudioToken.Backends.Cuda.Memory;

/// <summary>What a product told of its result on the way: mean and squares about it of each channel of each run of positions, behind the result in its block.</summary>
/// <param name="Address">Of two fp32 values for each channel of each tile, [samples, positions / tile, channels].</param>
/// <param name="Samples">Of the result.</param>
/// <param name="Positions">Of a sample.</param>
/// <param name="Channels">Of the result.</param>
/// <param name="Tile">Positions of a tile, which divide those of a sample.</param>
internal readonly record struct ResultMoments(ulong Address, int Samples, int Positions, int Channels, int Tile);
