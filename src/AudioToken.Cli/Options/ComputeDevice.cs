using AudioToken.Tensors;

namespace AudioToken.Cli.Options;

/// <summary>What computes, once it is chosen.</summary>
/// <param name="Name">As in reports, e.g. <c>cpu</c> or <c>cuda:0</c>.</param>
/// <param name="Threads">Threads of the processor that compute.</param>
/// <param name="Open">Starts the backend.</param>
internal sealed record ComputeDevice(string Name, int Threads, Func<ITensorOps> Open);
