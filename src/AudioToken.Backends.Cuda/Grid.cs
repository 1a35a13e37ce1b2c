namespace AudioToken.Backends.Cuda;

/// <summary>How many blocks a kernel runs in, along each axis.</summary>
/// <param name="X">Blocks along x, the fastest.</param>
/// <param name="Y">Blocks along y, at most 65535.</param>
/// <param name="Z">Blocks along z, at most 65535.</param>
internal readonly record struct Grid(int X, int Y = 1, int Z = 1);
